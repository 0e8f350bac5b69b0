/*
 * The door to socket.io-client: one connection to one of several instances at a time. When it is lost, or cannot be had,
 * the next URL is tried, with growing, jittered pauses; whoever stands on top is told `up` and `down` and carries on.
 */

import { io, type Socket } from "socket.io-client";
import type { Cancel, Clock } from "../protocol/clock.js";
import { isErrorCode, Refusal } from "../protocol/errors.js";
import type { ClientToServer, Reply, RequestMap, RequestName, ServerToClient } from "../protocol/events.js";
import { BOARDS_NAMESPACE } from "../protocol/version.js";
import { ConnectionLost, type Line, type LineListener } from "./line.js";

/** Gives the token that tells the server who this is; asked anew for each connection. */
export type GetToken = () => string | Promise<string>;

const CONNECT_MS_MAX = 5_000;
const ANSWER_MS_MAX = 15_000;
const RETRY_MS_FIRST = 100;
const RETRY_MS_MAX = 5_000;

export class Connection implements Line {
  readonly #urls: readonly string[];
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
  #closed = false;

  constructor(urls: readonly string[], clock: Clock, listener: LineListener, getToken?: GetToken) {
    if (urls.length === 0) throw new RangeError("connect needs at least one URL");
    this.#urls = urls;
    this.#clock = clock;
    this.#listener = listener;
    this.#getToken = getToken;
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
    this.#cancelRetry?.();
    this.#socket?.disconnect();
  }

  /** The token is over: comes again with a fresh one, if there is one; else what is open stays open. */
  async #renew(socket: Socket): Promise<boolean> {
    const before = this.#token;
    const token = await this.#fetchToken().catch(() => before);
    if (token === before && this.#socket === socket) return false;
    socket.disconnect();
    return true;
  }

  async #fetchToken(): Promise<string | undefined> {
    return this.#getToken?.();
  }

  #open(): void {
    const url = this.#urls[this.#attempt] ?? "";
    const socket: Socket<ServerToClient, ClientToServer> = io(new URL(BOARDS_NAMESPACE, url).href, {
      forceNew: true,
      reconnection: false,
      timeout: CONNECT_MS_MAX,
      transports: ["websocket", "polling"],
      tryAllTransports: true,
      ...(this.#getToken ? { auth: (give) => void this.#authenticate(socket, give) } : {}),
    });
    this.#socket = socket;
    let goodbye: Refusal | undefined;
    let isOver = false;
    const over = (reason: Refusal | undefined) => {
      if (isOver) return;
      isOver = true;
      const wasUp = this.#isUp;
      this.#isUp = false;
      socket.disconnect();
      if (wasUp || reason) this.#listener.down(reason);
      // All who are told to move would else move to the same next one.
      if (reason?.code === "GOING_AWAY") this.#skip();
      this.#openNext(reason?.retryAfterMs);
    };
    socket.on("connect", () => {
      this.#isUp = true;
      this.#listener.up(url);
    });
    socket.on("connect_error", (error) => {
      const reason = refusalIn(error);
      // The same token would be refused again; another may be had only for one that is over.
      if (reason?.code === "UNAUTHORIZED") this.#closed = true;
      over(reason);
    });
    socket.on("disconnect", () => over(goodbye));
    socket.on("delta", (frame) => this.#listener.delta(frame));
    socket.on("snapshot", (frame) => this.#listener.snapshot(new Uint8Array(frame)));
    socket.on("overview", (frame) => this.#listener.overview(new Uint8Array(frame)));
    socket.on("counts", (frame) => this.#listener.counts(frame));
    socket.on("looking", (looking) => this.#listener.looking(looking));
    socket.on("frozen", (frozen) => this.#listener.frozen(frozen));
    socket.on("notice", (notice) => {
      if (notice.kind === "goodbye") goodbye = toRefusal(notice.error);
      this.#listener.notice(notice);
    });
  }

  async #authenticate(socket: Socket, give: (auth: { token?: string }) => void): Promise<void> {
    try {
      const token = await this.#fetchToken();
      if (this.#socket === socket) this.#token = token;
      give(token === undefined ? {} : { token });
    } catch {
      // Whoever makes tokens is away: the next attempt asks again.
      socket.io.engine.close();
    }
  }

  /** The next URL, after a pause that grows with each round in which all failed. */
  #openNext(retryAfterMs = 0): void {
    if (this.#closed) return;
    this.#attempt = (this.#attempt + 1) % this.#urls.length;
    const rounds = Math.floor(this.#failures++ / this.#urls.length);
    const pauseMs = Math.min(RETRY_MS_MAX, RETRY_MS_FIRST * 2 ** Math.min(rounds, 10)) * (0.5 + this.#clock.random());
    this.#cancelRetry = this.#clock.after(Math.max(pauseMs, retryAfterMs), () => this.#open());
  }

  /** Makes any of the other URLs the next. */
  #skip(): void {
    this.#attempt += Math.floor(this.#clock.random() * (this.#urls.length - 1));
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
  return "error" in reply ? toRefusal(reply.error) : undefined;
}

/** What the server said of an error; a code that this client does not know is INTERNAL. */
function toRefusal(body: unknown): Refusal {
  if (typeof body !== "object" || body === null || !("code" in body) || !isErrorCode(body.code)) {
    return new Refusal("INTERNAL");
  }
  const retryAfterMs = "retryAfterMs" in body && typeof body.retryAfterMs === "number" ? body.retryAfterMs : undefined;
  const cells = "cells" in body && Array.isArray(body.cells) ? body.cells.filter(Number.isSafeInteger) : undefined;
  return new Refusal(body.code, { retryAfterMs, cells });
}

function refusalIn(error: Error): Refusal | undefined {
  return "data" in error && error.data !== undefined ? toRefusal(error.data) : undefined;
}
