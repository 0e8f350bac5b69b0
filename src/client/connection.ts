/*
 * The door to socket.io-client: one connection to one of several instances at a time. When it is lost, or cannot be had,
 * the next URL is tried, with growing, jittered pauses; whoever stands on top is told `up` and `down` and carries on.
 *
 * WebSocket comes first. There are networks that let one connect and pass nothing: after an attempt that hangs, connections
 * begin with long-polling for a while. Such a connection changes to WebSocket by itself once something gets through.
 */

import { io, type Socket } from "socket.io-client";
import type { Cancel, Clock } from "../protocol/clock.js";
import { Refusal, refusalFrom } from "../protocol/errors.js";
import type { ClientToServer, Reply, RequestMap, RequestName, ServerToClient } from "../protocol/events.js";
import { BOARDS_NAMESPACE } from "../protocol/version.js";
import { ConnectionLost, type Line, type LineListener } from "./line.js";

/** Gives the token that tells the server who this is; asked anew for each connection. */
export type GetToken = () => string | Promise<string>;

const CONNECT_MS_MAX = 5_000;
const ANSWER_MS_MAX = 15_000;
const RETRY_MS_FIRST = 100;
const RETRY_MS_MAX = 5_000;
/** How soon, about, a token that was not accepted is followed by another. */
const TOKEN_RETRY_MS = 10_000;
const POLLING_MS = 600_000;

export interface ConnectionOptions {
  /** Where Engine.IO is, below the path of the URL. */
  readonly path?: string | undefined;
  readonly token?: GetToken | undefined;
  /** Calls back whenever the network may be there again, until the returned function is called. */
  readonly onOnline?: ((online: () => void) => () => void) | undefined;
}

interface Endpoint {
  readonly url: string;
  /** With the namespace as path, as socket.io-client wants it. */
  readonly namespace: string;
  readonly path: string;
}

export class Connection implements Line {
  readonly #endpoints: readonly Endpoint[];
  readonly #clock: Clock;
  readonly #listener: LineListener;
  readonly #getToken: GetToken | undefined;
  /** What the present connection was made with. */
  #token: string | undefined;
  #socket: Socket<ServerToClient, ClientToServer> | undefined;
  #isUp = false;
  /** Which URL is next, counted up. */
  #attempt = 0;
  /** Connections in a row that could not be had, or were lost before a request succeeded. */
  #failures = 0;
  #cancelRetry: Cancel | undefined;
  /** Makes the next attempt, if one is waited for, as soon as the server's answer allows. */
  #retryNow: () => void = () => undefined;
  #cancelRenewal: Cancel | undefined;
  #hasBeenUp = false;
  /** Until then, connections begin with long-polling. */
  #pollsUntilMs = Number.NEGATIVE_INFINITY;
  readonly #stopListening: (() => void) | undefined;
  #closed = false;

  constructor(urls: readonly string[], clock: Clock, listener: LineListener, options: ConnectionOptions = {}) {
    if (urls.length === 0) throw new RangeError("connect needs at least one URL");
    const { path = "/socket.io", token, onOnline } = options;
    this.#endpoints = urls.map((url) => endpointOf(url, path));
    this.#clock = clock;
    this.#listener = listener;
    this.#getToken = token;
    this.#stopListening = onOnline?.(() => this.#retryNow());
    this.#open();
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  request<Name extends RequestName>(name: Name, request: RequestMap[Name][0]): Promise<RequestMap[Name][1]> {
    const socket = this.#socket;
    if (!socket || !this.#isUp) return Promise.reject(new ConnectionLost());
    return new Promise((done, fail) => {
      const lost = () => {
        cancelLate();
        fail(new ConnectionLost());
      };
      // An instance that does not answer at all is as good as gone.
      const cancelLate = this.#clock.after(ANSWER_MS_MAX, () => socket.disconnect());
      socket.once("disconnect", lost);
      const answered = (reply: Reply<RequestMap[Name][1]>) => {
        cancelLate();
        socket.off("disconnect", lost);
        const error = errorOf(reply);
        if (error?.code === "TOKEN_EXPIRED")
          void this.#renew(socket).then((renewed) => fail(renewed ? new ConnectionLost() : error));
        else if (error) fail(error);
        else if (isResult(reply)) done(reply);
      };
      send(socket, name, request, answered);
    });
  }

  reconnect(): void {
    this.#socket?.disconnect();
  }

  close(): void {
    this.#closed = true;
    this.#stopListening?.();
    this.#retryNow = () => undefined;
    this.#cancelRetry?.();
    this.#cancelRenewal?.();
    this.#socket?.disconnect();
  }

  renew(problem: Refusal): boolean {
    if (!this.#getToken || this.#closed) return false;
    this.#cancelRenewal?.();
    const socket = this.#socket;
    this.#cancelRenewal = this.#clock.after(this.#tokenRetryMs(), async () => {
      // The same token gives more once its keys can be had; else it takes another.
      if (problem.code === "KEYS_AWAY") socket?.disconnect();
      else if (socket && !(await this.#renew(socket))) this.renew(problem);
    });
    return true;
  }

  #tokenRetryMs(): number {
    return TOKEN_RETRY_MS * (0.5 + this.#clock.random());
  }

  /** The token is over: comes again with a fresh one, if there is one; else what is open stays open. */
  async #renew(socket: Socket): Promise<boolean> {
    const before = this.#token;
    const token = await this.#fetchToken().catch(() => before);
    if (this.#closed || (token === before && this.#socket === socket)) return false;
    socket.disconnect();
    return true;
  }

  async #fetchToken(): Promise<string | undefined> {
    return this.#getToken?.();
  }

  #open(): void {
    const endpoint = this.#endpoints[this.#attempt];
    if (!endpoint) return;
    const polls = this.#clock.now() < this.#pollsUntilMs;
    const socket: Socket<ServerToClient, ClientToServer> = io(endpoint.namespace, {
      path: endpoint.path,
      forceNew: true,
      reconnection: false,
      transports: polls ? ["polling", "websocket"] : ["websocket", "polling"],
      tryAllTransports: true,
      ...(this.#getToken && { auth: (give) => void this.#authenticate(socket, give).then(awaitAnswer, over) }),
    });
    this.#socket = socket;
    let goodbye: Refusal | undefined;
    let isOver = false;
    const over = (reason: Refusal | undefined) => {
      if (isOver) return;
      isOver = true;
      cancelLate();
      this.#cancelRenewal?.();
      const wasUp = this.#isUp;
      this.#isUp = false;
      socket.disconnect();
      // Without a token that was ever accepted, the next would be refused as well.
      const isFinal = reason?.code === "UNAUTHORIZED" && !this.#hasBeenUp;
      if (isFinal) this.#closed = true;
      if (wasUp || reason) this.#listener.down(reason);
      if (isFinal) this.#listener.refused(reason);
      // All who are told to move would else move to the same next one.
      if (reason?.code === "GOING_AWAY") this.#skip();
      this.#openNext(reason?.code === "UNAUTHORIZED" ? this.#tokenRetryMs() : reason?.retryAfterMs);
    };
    const late = () => {
      if (socket.io.engine.transport.name === "websocket") this.#pollsUntilMs = this.#clock.now() + POLLING_MS;
      over(new Refusal("UNREACHABLE", { detail: "no answer in time" }));
    };
    let cancelLate = this.#clock.after(CONNECT_MS_MAX, late);
    const awaitAnswer = () => {
      if (!isOver) cancelLate = this.#clock.after(ANSWER_MS_MAX, late);
    };
    // The app may take its time over a token, and an instance over who this is.
    socket.io.on("open", () => {
      cancelLate();
      if (!this.#getToken) awaitAnswer();
    });
    socket.on("connect", () => {
      cancelLate();
      this.#isUp = true;
      this.#hasBeenUp = true;
      this.#listener.up(endpoint.url);
    });
    socket.on("connect_error", (error) => over(refusalIn(error) ?? unreachable(error)));
    socket.on("disconnect", () => over(goodbye));
    socket.on("delta", (frame) => this.#listener.delta(frame));
    socket.on("snapshot", (frame) => this.#listener.snapshot(new Uint8Array(frame)));
    socket.on("overview", (frame) => this.#listener.overview(new Uint8Array(frame)));
    socket.on("counts", (frame) => this.#listener.counts(frame));
    socket.on("looking", (looking) => this.#listener.looking(looking));
    socket.on("frozen", (frozen) => this.#listener.frozen(frozen));
    socket.on("notice", (notice) => {
      if (notice.kind === "goodbye") goodbye = refusalFrom(notice.error);
      this.#listener.notice(notice);
    });
  }

  async #authenticate(socket: Socket, give: (auth: { token?: string }) => void): Promise<void> {
    const token = await this.#fetchToken().catch((error: unknown) => {
      throw new Refusal("NO_TOKEN", { cause: error });
    });
    if (this.#socket === socket) this.#token = token;
    give(token === undefined ? {} : { token });
  }

  /**
   * The next URL, after a pause that grows with each round in which all failed. `#retryNow` cuts that
   * pause short, but never to less than `retryAfterMs`.
   */
  #openNext(retryAfterMs = 0): void {
    if (this.#closed) return;
    this.#attempt = (this.#attempt + 1) % this.#endpoints.length;
    const rounds = Math.floor(this.#failures++ / this.#endpoints.length);
    const pauseMs = Math.min(RETRY_MS_MAX, RETRY_MS_FIRST * 2 ** Math.min(rounds, 10)) * (0.5 + this.#clock.random());
    const earliestMs = this.#clock.now() + retryAfterMs;
    const open = () => {
      this.#cancelRetry?.();
      this.#retryNow = () => undefined;
      this.#open();
    };
    this.#retryNow = () => {
      const waitMs = earliestMs - this.#clock.now();
      this.#cancelRetry?.();
      if (waitMs > 0) this.#cancelRetry = this.#clock.after(waitMs, open);
      else open();
    };
    this.#cancelRetry = this.#clock.after(Math.max(pauseMs, retryAfterMs), open);
  }

  /** Makes any of the other URLs the next. */
  #skip(): void {
    this.#attempt += Math.floor(this.#clock.random() * (this.#endpoints.length - 1));
  }

  settled(): void {
    this.#failures = 0;
  }
}

/** Each name has its own types for request and answer; the switch lets the compiler see that they fit. */
function send<Name extends RequestName>(
  socket: Socket<ServerToClient, ClientToServer>,
  name: Name,
  request: RequestMap[Name][0],
  answered: (reply: Reply<RequestMap[Name][1]>) => void,
): void {
  const emit: (event: string, ...args: unknown[]) => unknown = socket.emit.bind(socket) as never;
  emit(name, request, answered);
}

function isResult<Result extends object>(reply: Reply<Result>): reply is Result {
  return !("error" in reply);
}

function errorOf(reply: unknown): Refusal | undefined {
  if (typeof reply !== "object" || reply === null) return new Refusal("INTERNAL", { detail: "an empty answer" });
  return "error" in reply ? refusalFrom(reply.error) : undefined;
}

function endpointOf(url: string, path: string): Endpoint {
  const { href, pathname } = new URL(url);
  const trimmed = (text: string) => text.replace(/^\/+|\/+$/g, "");
  return {
    url,
    namespace: new URL(BOARDS_NAMESPACE, href).href,
    path: ["", trimmed(pathname), trimmed(path)].join("/").replace("//", "/"),
  };
}

/** The attempt failed below Socket.IO; of long-polling it is known what status was answered. */
function unreachable(error: Error): Refusal {
  const status = "description" in error && typeof error.description === "number" ? error.description : 0;
  return new Refusal("UNREACHABLE", { cause: error, ...(status > 0 && { detail: `the answer was HTTP ${status}` }) });
}

function refusalIn(error: Error): Refusal | undefined {
  return "data" in error && error.data !== undefined ? refusalFrom(error.data) : undefined;
}
