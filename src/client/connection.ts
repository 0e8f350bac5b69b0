/*
 * Wraps socket.io-client. It keeps one connection at a time, to one of several instances. If the
 * connection is lost or an attempt fails, it tries the next URL.
 *
 * WebSocket is tried first. Some networks let a WebSocket connect, but then pass no data. So after
 * an attempt that hangs, connections start with long-polling for a while, and then try WebSocket.
 */

import { io, type Socket } from "socket.io-client";
import type { Cancel, Clock } from "../protocol/clock.js";
import { Refusal, refusalFrom } from "../protocol/errors.js";
import type { ClientToServer, Reply, RequestMap, RequestName, ServerToClient } from "../protocol/events.js";
import { Endpoints } from "./endpoints.js";
import { ConnectionLost, type Line, type LineListener } from "./line.js";

/** Returns the user's token. */
export type GetToken = () => string | Promise<string>;

const CONNECT_MS_MAX = 5_000;
const ANSWER_MS_MAX = 15_000;
/** The mean pause before a rejected token is replaced. */
const TOKEN_RETRY_MS = 10_000;
const POLLING_MS = 600_000;

export interface ConnectOptions {
  /** For boards that need a token. Called for a fresh token whenever a connection is made. */
  readonly token?: GetToken;
  /** `path` of the app's `new Server(http, { path })`, below the URL's. Default: `/socket.io`. */
  readonly path?: string;
}

export interface ConnectionOptions extends ConnectOptions {
  /** Calls `online` whenever the network may be back, until the returned function is called. */
  readonly onOnline?: (online: () => void) => () => void;
}

export class Connection implements Line {
  readonly #endpoints: Endpoints;
  readonly #clock: Clock;
  readonly #listener: LineListener;
  readonly #getToken: GetToken | undefined;
  /** The token of the current connection. */
  #token: string | undefined;
  #socket: Socket<ServerToClient, ClientToServer> | undefined;
  isUp = false;
  #cancelRetry: Cancel | undefined;
  /** Cuts the pause before the next attempt short, as far as the server allows. */
  #retryNow: () => void = () => undefined;
  #cancelRenewal: Cancel | undefined;
  #hasBeenUp = false;
  /** Until this time, connections start with long-polling. */
  #pollsUntilMs = Number.NEGATIVE_INFINITY;
  readonly #stopListening: (() => void) | undefined;
  #isClosed = false;

  constructor(urls: readonly string[], clock: Clock, listener: LineListener, options: ConnectionOptions = {}) {
    const { path = "/socket.io", token, onOnline } = options;
    this.#endpoints = new Endpoints(urls, path, clock);
    this.#clock = clock;
    this.#listener = listener;
    this.#getToken = token;
    this.#stopListening = onOnline?.(() => this.#retryNow());
    this.#open();
  }

  request<Name extends RequestName>(name: Name, request: RequestMap[Name][0]): Promise<RequestMap[Name][1]> {
    const socket = this.#socket;
    if (!socket || !this.isUp) return Promise.reject(new ConnectionLost());
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
        const result = resultOf(reply);
        if (!(result instanceof Refusal)) done(result);
        else if (result.code === "TOKEN_EXPIRED")
          void this.#renew(socket).then((renewed) => fail(renewed ? new ConnectionLost() : result));
        else fail(result);
      };
      // The compiler cannot derive the types of request and reply from the name.
      const untyped: Socket = socket;
      untyped.emit(name, request, answered);
    });
  }

  settled(): void {
    this.#endpoints.settled();
  }

  reconnect(): void {
    this.#socket?.disconnect();
  }

  close(): void {
    this.#isClosed = true;
    this.#stopListening?.();
    this.#retryNow = () => undefined;
    this.#cancelRetry?.();
    this.#cancelRenewal?.();
    this.#socket?.disconnect();
  }

  renew(problem: Refusal): boolean {
    if (!this.#getToken || this.#isClosed) return false;
    this.#cancelRenewal?.();
    const socket = this.#socket;
    this.#cancelRenewal = this.#clock.after(this.#tokenRetryMs(), async () => {
      // This token will be accepted once its keys are available. Other problems need a new token.
      if (problem.code === "KEYS_AWAY") socket?.disconnect();
      else if (socket && !(await this.#renew(socket))) this.renew(problem);
    });
    return true;
  }

  #tokenRetryMs(): number {
    return TOKEN_RETRY_MS * (0.5 + this.#clock.random());
  }

  /** Reconnects if the app has a fresh token. Otherwise open boards stay open. */
  async #renew(socket: Socket): Promise<boolean> {
    const before = this.#token;
    const token = await this.#fetchToken().catch(() => before);
    if (this.#isClosed || (token === before && this.#socket === socket)) return false;
    socket.disconnect();
    return true;
  }

  async #fetchToken(): Promise<string | undefined> {
    return this.#getToken?.();
  }

  #open(): void {
    const endpoint = this.#endpoints.current;
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
      this.#lost(socket, reason);
    };
    const late = () => {
      if (socket.io.engine.transport.name === "websocket") this.#pollsUntilMs = this.#clock.now() + POLLING_MS;
      over(new Refusal("UNREACHABLE", { detail: "no answer in time" }));
    };
    let cancelLate = this.#clock.after(CONNECT_MS_MAX, late);
    const awaitAnswer = () => {
      if (!isOver) cancelLate = this.#clock.after(ANSWER_MS_MAX, late);
    };
    // After this, the app may take long to get a token, and the instance to check it.
    socket.io.on("open", () => {
      cancelLate();
      if (!this.#getToken) awaitAnswer();
    });
    socket.on("connect", () => {
      cancelLate();
      this.isUp = true;
      this.#hasBeenUp = true;
      this.#listener.up(endpoint.url);
    });
    socket.on("connect_error", (error) => over(refusalIn(error) ?? unreachable(error)));
    socket.on("disconnect", () => over(goodbye));
    const { delta, snapshot, overview, counts, looking, frozen, notice } = this.#listener;
    socket.on("delta", delta);
    socket.on("snapshot", (frame) => snapshot(new Uint8Array(frame)));
    socket.on("overview", (frame) => overview(new Uint8Array(frame)));
    socket.on("counts", counts);
    socket.on("looking", looking);
    socket.on("frozen", frozen);
    socket.on("notice", (noticed) => {
      if (noticed.kind === "goodbye") goodbye = refusalFrom(noticed.error);
      notice(noticed);
    });
  }

  async #authenticate(socket: Socket, give: (auth: { token?: string }) => void): Promise<void> {
    const token = await this.#fetchToken().catch((error: unknown) => {
      throw new Refusal("NO_TOKEN", { cause: error });
    });
    if (this.#socket === socket) this.#token = token;
    give(token === undefined ? {} : { token });
  }

  #lost(socket: Socket, reason: Refusal | undefined): void {
    this.#cancelRenewal?.();
    const wasUp = this.isUp;
    this.isUp = false;
    socket.disconnect();
    // If no token was ever accepted, the next would be refused too.
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
      this.#open();
    };
    this.#retryNow = () => openIn(earliestMs - this.#clock.now());
    openIn(Math.max(this.#endpoints.next(), retryAfterMs));
  }
}

function resultOf<Result extends object>(reply: Reply<Result>): Result | Refusal {
  if (typeof reply !== "object" || reply === null) return new Refusal("INTERNAL", { detail: "an empty answer" });
  return "error" in reply ? refusalFrom(reply.error) : reply;
}

/** An attempt that failed below Socket.IO. Only long-polling knows the HTTP status. */
function unreachable(error: Error): Refusal {
  const status = "description" in error && typeof error.description === "number" ? error.description : 0;
  return new Refusal("UNREACHABLE", { cause: error, ...(status > 0 && { detail: `the answer was HTTP ${status}` }) });
}

function refusalIn(error: Error): Refusal | undefined {
  return "data" in error && error.data !== undefined ? refusalFrom(error.data) : undefined;
}
