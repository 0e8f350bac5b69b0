/*
 * The line to the instances: one link at a time to one of several instances. After a loss or a
 * failed attempt it tries the next URL.
 *
 *     lane ──did not open──► Socket.IO at the same URL ──failed──► the next URL
 *
 * If only Socket.IO gets through, the lane is left alone for a while. A client that prefers the
 * feed uses it until its first write, or until it is refused.
 */

import type { Cancel, Clock } from "../../protocol/clock.js";
import { readSnapshotHead } from "../../protocol/codec.js";
import type { RequestMap, RequestName } from "../../protocol/events.js";
import { decodeDown, LANE_PATH, LANE_PROTOCOL } from "../../protocol/lane.js";
import { type ErrorCode, Refusal, refusalFrom } from "../../protocol/refusal.js";
import type { ConnectionOptions, GetToken } from "../api/connect-options.js";
import { below, Endpoints } from "../links/endpoints.js";
import type { Line, LineListener, Outcome } from "../links/line.js";
import { type LinkListener, type LinkOptions, resultOf } from "../links/link.js";
import { openLane } from "../links/web-socket.js";
import { loadWebSocket } from "../links/web-socket-class.js";
import type { Attempt, Door, Stage } from "./attempt.js";
import { Avoided, HUNG_MS, NO_LANE_MS } from "./avoided.js";

const CONNECT_MS_MAX = 5_000;
const ANSWER_MS_MAX = 15_000;
/** The mean pause before a rejected token is replaced. */
const TOKEN_RETRY_MS = 10_000;

/** Only another token, or another setting of the instance, ends these refusals. */
const STAYS_REFUSED: ReadonlySet<ErrorCode> = new Set(["UNAUTHORIZED", "ORIGIN_REFUSED"]);

export class Connection implements Line {
  readonly #endpoints: Endpoints;
  readonly #clock: Clock;
  readonly #listener: LineListener;
  readonly #getToken: GetToken | undefined;
  readonly #visitor: string | undefined;
  readonly #path: string;
  readonly #lanePath: string;
  /** The token of the present connection. */
  #token: string | undefined;
  #attempt: Attempt | undefined;
  isUp = false;
  #cancelRetry: Cancel | undefined;
  /** Cuts the pause before the next attempt short, as far as the server allows. */
  #retryNow: (() => void) | undefined;
  #cancelRenewal: Cancel | undefined;
  #hasBeenUp = false;
  readonly #hasLane: boolean;
  #isViewer: boolean;
  /** Without WebSocket, connections over Socket.IO start with long-polling. */
  readonly #avoided: Avoided;
  readonly #stopListening: (() => void) | undefined;
  #isClosed = false;

  constructor(urls: readonly string[], clock: Clock, listener: LineListener, options: ConnectionOptions = {}) {
    const { path = "/socket.io", lanePath = LANE_PATH, token, onOnline } = options;
    this.#endpoints = new Endpoints(urls, clock);
    this.#path = path;
    this.#lanePath = lanePath || LANE_PATH;
    this.#hasLane = lanePath !== false;
    this.#isViewer = options.view === "feed";
    this.#clock = clock;
    this.#avoided = new Avoided(clock);
    this.#listener = listener;
    this.#getToken = token;
    this.#visitor = options.visitor;
    this.#stopListening = onOnline?.(() => this.#retryNow?.());
    this.#openFirst();
  }

  get protocol(): number {
    return this.#attempt?.link?.protocol ?? LANE_PROTOCOL;
  }

  request<Name extends RequestName>(
    name: Name,
    request: RequestMap[Name][0],
    settle: (outcome: Outcome<RequestMap[Name][1]>) => void,
  ): void {
    const attempt = this.#attempt;
    const link = attempt?.link;
    if (!link || !this.isUp) {
      queueMicrotask(() => settle(undefined));
      return;
    }
    const lost = () => {
      cancelLate();
      settle(undefined);
    };
    // An instance that does not answer at all is as good as gone.
    const cancelLate = this.#clock.after(ANSWER_MS_MAX, () => attempt.end(undefined));
    attempt.lost.add(lost);
    if (name === "write") this.#isViewer = false;
    link.request(name, request, (reply) => {
      cancelLate();
      attempt.lost.delete(lost);
      const result = resultOf(reply);
      if (result instanceof Refusal && result.code === "TOKEN_EXPIRED")
        void this.#renew(attempt).then((renewed) => settle(renewed ? undefined : result));
      else settle(result);
    });
  }

  settled(): void {
    this.#endpoints.settled();
  }

  reconnect(): void {
    this.#attempt?.end(undefined);
  }

  close(): void {
    this.#isClosed = true;
    this.#stopListening?.();
    this.#retryNow = undefined;
    this.#cancelRetry?.();
    this.#cancelRenewal?.();
    this.#attempt?.end(undefined);
  }

  renew(problem: Refusal): boolean {
    if (!this.#getToken || this.#isClosed) return false;
    this.#cancelRenewal?.();
    const attempt = this.#attempt;
    this.#cancelRenewal = this.#clock.after(this.#tokenRetryMs(), async () => {
      // This token is accepted once its keys are available. Any other problem takes a new token.
      if (problem.code === "KEYS_AWAY") attempt?.end(undefined);
      else if (attempt && !(await this.#renew(attempt))) this.renew(problem);
    });
    return true;
  }

  #tokenRetryMs(): number {
    return TOKEN_RETRY_MS * (0.5 + this.#clock.random());
  }

  /** Reconnects if the app has a fresh token. Otherwise open boards stay open. */
  async #renew(attempt: Attempt): Promise<boolean> {
    const before = this.#token;
    const token = await this.#fetchToken().catch(() => before);
    if (this.#isClosed || (token === before && this.#attempt === attempt)) return false;
    attempt.end(undefined);
    return true;
  }

  async #fetchToken(): Promise<string | undefined> {
    return this.#getToken?.();
  }

  #openFirst(): void {
    const url = this.#endpoints.current;
    const isFed = this.#isViewer && url && !this.#avoided.has("feed", url);
    if (url) this.#open(url, isFed ? "feed" : this.#mayUseLane(url) ? "lane" : "socketio");
  }

  #mayUseLane(url: string): boolean {
    return this.#hasLane && !this.#avoided.has("lane", url);
  }

  #open(url: string, door: Door): void {
    let stage: Stage = "opening";
    const attempt: Attempt = {
      link: undefined,
      lost: new Set(),
      end: (reason, isFailure = false) => {
        if (stage === "over") return;
        const reached = stage;
        stage = "over";
        cancelLate();
        cancelWaiting();
        attempt.link?.close();
        const isLaneLost = door === "lane" && isFailure && !this.#isClosed;
        if (isLaneLost && reached === "opening") {
          if (reason) this.#listener.waiting(reason);
          this.#open(url, "socketio");
          return;
        }
        // Something at the URL accepts WebSockets, but no instance's messages come through.
        if (isLaneLost && reached === "through" && !reason) this.#avoided.add("lane", url, NO_LANE_MS);
        if (attempt.link?.isRefused) this.#avoided.add("feed", url, NO_LANE_MS);
        const isMissed = isFailure && reached !== "in" && door !== "feed";
        this.#lost(attempt, reason ?? (isMissed ? new Refusal("UNREACHABLE") : undefined));
        for (const lost of attempt.lost) lost();
      },
    };
    this.#attempt = attempt;
    const late = () => {
      if (door === "lane") this.#avoided.add("lane", url, HUNG_MS);
      if (door === "lane" || attempt.link?.isWebSocket) this.#avoided.add("websocket", url, HUNG_MS);
      attempt.end(new Refusal("UNREACHABLE", { detail: "no answer in time" }), true);
    };
    let cancelLate = this.#clock.after(CONNECT_MS_MAX, late);
    let hasAsked = false;
    const cancelWaiting = this.#clock.after(CONNECT_MS_MAX, () =>
      this.#listener.waiting(
        hasAsked
          ? new Refusal("UNREACHABLE", { detail: "connected, but no answer yet" })
          : new Refusal("NO_TOKEN", { message: "The app has not provided a token yet. The client waits for it." }),
      ),
    );
    const listener: LinkListener = {
      ...this.#listener,
      // From here on, the app may take long to get a token, and the instance to check it.
      through: () => {
        if (stage === "opening") stage = "through";
        cancelLate();
      },
      asked: () => {
        hasAsked = true;
        if (stage !== "over") cancelLate = this.#clock.after(ANSWER_MS_MAX, late);
      },
      opened: () => {
        this.isUp = true;
        this.#listener.opened();
      },
      up: () => {
        cancelLate();
        cancelWaiting();
        stage = "in";
        this.#hasBeenUp = true;
        // The lane was tried before Socket.IO and did not open.
        if (door === "socketio" && this.#mayUseLane(url)) this.#avoided.add("lane", url, NO_LANE_MS);
        this.#listener.up(url);
      },
      over: (reason) => attempt.end(reason, true),
    };
    const getToken = this.#getToken && (() => this.#tokenFor(attempt));
    const visitor = this.#visitor;
    this.#make(attempt, door, { url, clock: this.#clock, listener, getToken, visitor }).catch((cause: unknown) => {
      // A release may have removed the code of the feed.
      this.#isViewer = false;
      attempt.end(new Refusal("UNREACHABLE", { cause }));
    });
  }

  /** Opens the link, whose code may have to be loaded. */
  async #make(attempt: Attempt, door: Door, options: LinkOptions): Promise<void> {
    if (door === "feed") {
      const { FeedLink } = await import("../feed/feed-link.js");
      if (this.#attempt === attempt)
        attempt.link = new FeedLink(options, below, decodeDown, readSnapshotHead, refusalFrom);
    } else if (door === "lane") {
      const Socket = await loadWebSocket();
      if (this.#attempt === attempt) attempt.link = openLane(Socket, { ...options, lanePath: this.#lanePath });
    } else {
      const { openSocketIo } = await import("../links/socketio-link.js");
      const polls = this.#avoided.has("websocket", options.url);
      if (this.#attempt === attempt) attempt.link = openSocketIo({ ...options, path: this.#path, polls });
    }
  }

  async #tokenFor(attempt: Attempt): Promise<string | undefined> {
    const token = await this.#fetchToken().catch((error: unknown) => {
      throw new Refusal("NO_TOKEN", { cause: error });
    });
    if (this.#attempt === attempt) this.#token = token;
    return token;
  }

  #lost(attempt: Attempt, reason: Refusal | undefined): void {
    if (this.#attempt !== attempt) return;
    this.#attempt = undefined;
    this.#cancelRenewal?.();
    const wasUp = this.isUp;
    this.isUp = false;
    // A client that was never let in would be refused the next time as well.
    const isRefused = reason !== undefined && STAYS_REFUSED.has(reason.code);
    const isFinal = isRefused && !this.#hasBeenUp;
    if (isFinal) this.#isClosed = true;
    if (wasUp || reason) this.#listener.down(reason);
    if (isFinal) this.#listener.refused(reason);
    if (this.#isClosed) return;
    // Otherwise all clients of a closing instance would move to the same one.
    if (reason?.code === "GOING_AWAY") this.#endpoints.skip();
    this.#openNext(isRefused ? this.#tokenRetryMs() : reason?.retryAfterMs);
  }

  /** Opens the next connection after a pause. `#retryNow` cuts the pause to `retryAfterMs`. */
  #openNext(retryAfterMs = 0): void {
    const earliestMs = this.#clock.now() + retryAfterMs;
    const openIn = (ms: number) => {
      this.#cancelRetry?.();
      if (ms > 0) {
        this.#cancelRetry = this.#clock.after(ms, () => openIn(0));
        return;
      }
      this.#retryNow = undefined;
      this.#openFirst();
    };
    this.#retryNow = () => openIn(earliestMs - this.#clock.now());
    openIn(Math.max(this.#endpoints.next(), retryAfterMs));
  }
}
