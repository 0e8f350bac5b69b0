/*
 * The line to the instances: one link at a time to one of several instances. After a loss or a
 * failed attempt it tries the next URL.
 *
 *     lane ──did not open──► Socket.IO at the same URL ──failed──► the next URL
 *
 * If only Socket.IO gets through, the lane is left alone for a while.
 */

import type { Cancel, Clock } from "../protocol/clock.js";
import { Refusal, refusalFrom } from "../protocol/errors.js";
import type { Reply, RequestMap, RequestName } from "../protocol/events.js";
import { LANE_PATH, LANE_PROTOCOL } from "../protocol/lane.js";
import type { ConnectionOptions, GetToken } from "./connect-options.js";
import { type Endpoint, Endpoints } from "./endpoints.js";
import { ConnectionLost, type Line, type LineListener } from "./line.js";
import type { Link, LinkListener, LinkOptions } from "./link.js";
import { loadWebSocket, openLane } from "./web-socket.js";

const CONNECT_MS_MAX = 5_000;
const ANSWER_MS_MAX = 15_000;
/** The mean pause before a rejected token is replaced. */
const TOKEN_RETRY_MS = 10_000;
/** A transport that hung is avoided this long. */
const HUNG_MS = 600_000;
/** If the lane led nowhere, or only Socket.IO got through, the lane is avoided for this long. */
const NO_LANE_MS = 60_000;

type Door = "lane" | "socketio";

/** An attempt to connect, and the link that may come of it. */
interface Attempt {
  readonly door: Door;
  readonly endpoint: Endpoint;
  link: Link | undefined;
  /** Rejects the requests without an answer. */
  readonly lost: Set<() => void>;
  over(reason: Refusal | undefined): void;
}

export class Connection implements Line {
  readonly #endpoints: Endpoints;
  readonly #clock: Clock;
  readonly #listener: LineListener;
  readonly #getToken: GetToken | undefined;
  readonly #hasLane: boolean;
  /** The token of the present connection. */
  #token: string | undefined;
  #attempt: Attempt | undefined;
  isUp = false;
  #cancelRetry: Cancel | undefined;
  /** Cuts the pause before the next attempt short, as far as the server allows. */
  #retryNow: () => void = () => undefined;
  #cancelRenewal: Cancel | undefined;
  #hasBeenUp = false;
  /** Until this time, connections start with long-polling. */
  #pollsUntilMs = Number.NEGATIVE_INFINITY;
  /** Until then, the lane is not tried. */
  #laneAfterMs = Number.NEGATIVE_INFINITY;
  readonly #stopListening: (() => void) | undefined;
  #isClosed = false;

  constructor(urls: readonly string[], clock: Clock, listener: LineListener, options: ConnectionOptions = {}) {
    const { path = "/socket.io", lanePath = LANE_PATH, token, onOnline } = options;
    this.#endpoints = new Endpoints(urls, path, lanePath || LANE_PATH, clock);
    this.#hasLane = lanePath !== false;
    this.#clock = clock;
    this.#listener = listener;
    this.#getToken = token;
    this.#stopListening = onOnline?.(() => this.#retryNow());
    this.#openFirst();
  }

  get protocol(): number {
    return this.#attempt?.link?.protocol ?? LANE_PROTOCOL;
  }

  request<Name extends RequestName>(
    name: Name,
    request: RequestMap[Name][0],
    settle: (outcome: RequestMap[Name][1] | Error) => void,
  ): void {
    const attempt = this.#attempt;
    const link = attempt?.link;
    if (!link || !this.isUp) {
      queueMicrotask(() => settle(new ConnectionLost()));
      return;
    }
    const lost = () => {
      cancelLate();
      settle(new ConnectionLost());
    };
    // An instance that does not answer at all is as good as gone.
    const cancelLate = this.#clock.after(ANSWER_MS_MAX, () => attempt.over(undefined));
    attempt.lost.add(lost);
    link.request(name, request, (reply) => {
      cancelLate();
      attempt.lost.delete(lost);
      const result = resultOf(reply);
      if (result instanceof Refusal && result.code === "TOKEN_EXPIRED")
        void this.#renew(attempt).then((renewed) => settle(renewed ? new ConnectionLost() : result));
      else settle(result);
    });
  }

  settled(): void {
    this.#endpoints.settled();
  }

  reconnect(): void {
    this.#attempt?.over(undefined);
  }

  close(): void {
    this.#isClosed = true;
    this.#stopListening?.();
    this.#retryNow = () => undefined;
    this.#cancelRetry?.();
    this.#cancelRenewal?.();
    this.#attempt?.over(undefined);
  }

  renew(problem: Refusal): boolean {
    if (!this.#getToken || this.#isClosed) return false;
    this.#cancelRenewal?.();
    const attempt = this.#attempt;
    this.#cancelRenewal = this.#clock.after(this.#tokenRetryMs(), async () => {
      // This token is accepted once its keys are available. Any other problem takes a new token.
      if (problem.code === "KEYS_AWAY") attempt?.over(undefined);
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
    attempt.over(undefined);
    return true;
  }

  async #fetchToken(): Promise<string | undefined> {
    return this.#getToken?.();
  }

  #openFirst(): void {
    const endpoint = this.#endpoints.current;
    if (endpoint) this.#open(endpoint, this.#hasLane && this.#clock.now() >= this.#laneAfterMs ? "lane" : "socketio");
  }

  #open(endpoint: Endpoint, door: Door): void {
    let isThrough = false;
    let isIn = false;
    let isOver = false;
    const attempt: Attempt = {
      door,
      endpoint,
      link: undefined,
      lost: new Set(),
      over: (reason) => {
        if (isOver) return;
        isOver = true;
        cancelLate();
        attempt.link?.close();
        for (const lost of attempt.lost) lost();
        // Something accepts WebSockets there and is no instance, or does not pass what it says.
        if (door === "lane" && isThrough && !isIn && !reason) this.#avoidLane(NO_LANE_MS);
        if (door === "lane" && !isThrough && !this.#isClosed) this.#open(endpoint, "socketio");
        else this.#lost(attempt, reason);
      },
    };
    this.#attempt = attempt;
    const late = () => {
      const isLane = door === "lane";
      const untilMs = this.#clock.now() + HUNG_MS;
      if (isLane) this.#avoidLane(HUNG_MS);
      if (isLane || hangsOnWebSocket(attempt.link)) this.#pollsUntilMs = untilMs;
      attempt.over(new Refusal("UNREACHABLE", { detail: "no answer in time" }));
    };
    let cancelLate = this.#clock.after(CONNECT_MS_MAX, late);
    const listener: LinkListener = {
      ...this.#listener,
      // From here on, the app may need long to get a token, and the instance to check it.
      through: () => {
        isThrough = true;
        cancelLate();
      },
      asked: () => {
        if (!isOver) cancelLate = this.#clock.after(ANSWER_MS_MAX, late);
      },
      opened: () => {
        this.isUp = true;
        this.#listener.opened();
      },
      up: () => {
        cancelLate();
        isIn = true;
        this.#hasBeenUp = true;
        // The lane was tried before Socket.IO and did not open.
        if (door === "socketio") this.#avoidLane(NO_LANE_MS);
        this.#listener.up(endpoint.url);
      },
      over: (reason) => attempt.over(reason),
    };
    const getToken = this.#getToken && (() => this.#tokenFor(attempt));
    void this.#make(door, { endpoint, clock: this.#clock, listener, getToken }).then(
      (link) => {
        if (isOver) link?.close();
      },
      (cause: unknown) => attempt.over(new Refusal("UNREACHABLE", { cause })),
    );
  }

  /** Uses Socket.IO for so long, unless it is used for longer already. */
  #avoidLane(ms: number): void {
    this.#laneAfterMs = Math.max(this.#laneAfterMs, this.#clock.now() + ms);
  }

  /** Opens the link, whose code may have to be loaded. */
  async #make(door: Door, options: LinkOptions): Promise<Link | undefined> {
    const attempt = this.#attempt;
    if (!attempt) return undefined;
    if (door === "lane") {
      const Socket = await loadWebSocket();
      if (this.#attempt === attempt) attempt.link = openLane(Socket, options);
    } else {
      const { openSocketIo } = await import("./socketio-link.js");
      const polls = this.#clock.now() < this.#pollsUntilMs;
      if (this.#attempt === attempt) attempt.link = openSocketIo({ ...options, polls });
    }
    return attempt.link;
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
    // If no token was ever accepted, the next would be refused as well.
    const isFinal = reason?.code === "UNAUTHORIZED" && !this.#hasBeenUp;
    if (isFinal) this.#isClosed = true;
    if (wasUp || reason) this.#listener.down(reason);
    if (isFinal) this.#listener.refused(reason);
    if (this.#isClosed) return;
    // Otherwise all clients of a closing instance would move to the same one.
    if (reason?.code === "GOING_AWAY") this.#endpoints.skip();
    this.#openNext(reason?.code === "UNAUTHORIZED" ? this.#tokenRetryMs() : reason?.retryAfterMs);
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
      this.#retryNow = () => undefined;
      this.#openFirst();
    };
    this.#retryNow = () => openIn(earliestMs - this.#clock.now());
    openIn(Math.max(this.#endpoints.next(), retryAfterMs));
  }
}

function hangsOnWebSocket(link: Link | undefined): boolean {
  return link !== undefined && "isWebSocket" in link && link.isWebSocket === true;
}

function resultOf<Result extends object>(reply: Reply<Result>): Result | Refusal {
  if (typeof reply !== "object" || reply === null) return new Refusal("INTERNAL", { detail: "an empty answer" });
  return "error" in reply ? refusalFrom(reply.error) : reply;
}
