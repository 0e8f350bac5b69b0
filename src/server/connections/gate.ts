/*
 * Every HTTP request passes this gate before Express, the operators' app or Engine.IO's
 * long-polling handles it. A client may send many requests on one connection without waiting for
 * answers, and unread answers stay in memory. A request is therefore handled only once the previous
 * answer on its connection has gone to the kernel. The requests behind it are bounded, and charged
 * like messages.
 *
 *     connection ──► #4 #3 #2 wait ──► #1 is answered     more than PIPELINED_MAX: closed
 */

import type { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket as TcpSocket } from "node:net";
import type { Clock } from "../../protocol/clock.js";
import { Refusal } from "../../protocol/errors.js";
import type { Trust } from "../limits/client-address.js";
import { type InflowLimits, Meter } from "../limits/meter.js";
import { isUpgrade } from "./upgrades.js";

/** Most unanswered requests on one connection. Browsers do not pipeline, but benchmarks may. */
const PIPELINED_MAX = 32;

interface GateLimits {
  readonly inflow: InflowLimits;
  /**
   * The largest body that is read. Body parsers would read a larger one to its end, only to drop
   * it.
   */
  readonly bodyBytesMax: number;
}

interface HttpConnection {
  readonly meter: Meter | undefined;
  unanswered: number;
}

export class HttpGate {
  readonly #limits: GateLimits;
  readonly #trust: Trust;
  readonly #clock: Clock;
  readonly #connections = new WeakMap<TcpSocket, HttpConnection>();

  /** A trusted proxy's connection carries the requests of many clients, so it has no meter. */
  constructor(limits: GateLimits, trust: Trust, clock: Clock) {
    this.#limits = limits;
    this.#trust = trust;
    this.#clock = clock;
  }

  /**
   * Bounds the requests of each connection as they are parsed. Call this after Socket.IO is
   * attached, because Socket.IO takes over the existing listeners. A server that listens no more
   * closes each connection after its next answer. Otherwise a client that polls would keep the
   * server from ending. `arrived` is called for each request.
   */
  guard(http: EventEmitter & { readonly listening: boolean }, arrived: () => void): void {
    // Another process may listen for it, and pass it the connections.
    let hasListened = http.listening;
    http.once("listening", () => {
      hasListened = true;
    });
    http.prependListener("request", (request: IncomingMessage, response: ServerResponse) => {
      arrived();
      if (hasListened && !http.listening && !response.headersSent) response.setHeader("Connection", "close");
      const connection = this.#connectionOf(request.socket);
      if (++connection.unanswered > PIPELINED_MAX) cut(request.socket);
      else response.once("close", () => connection.unanswered--);
    });
    // Without a listener, Node answers any number of these by itself.
    http.on("checkExpectation", (request: IncomingMessage, response: ServerResponse) => {
      response.writeHead(417, { Connection: "close" }).end(() => cut(request.socket));
    });
  }

  /**
   * For Express and Engine.IO: calls `next` when it is the request's turn, or never. With a refusal
   * that is to be sent, after which the connection closes.
   */
  readonly pass = (request: IncomingMessage, response: ServerResponse, next: (refusal?: Refusal) => void): void => {
    // Engine.IO passes no real response for an upgrade, whose connection gets a meter of its own.
    if (isUpgrade(request)) {
      next();
      return;
    }
    const { socket } = request;
    const { meter } = this.#connectionOf(socket);
    const bodyBytes = Number(request.headers["content-length"] ?? 0);
    const isTooLarge = bodyBytes > this.#limits.bodyBytesMax;
    meter?.take(1, isTooLarge ? 0 : bodyBytes);
    // Once a request is answered, the rest of its body would be read only to be dropped.
    response.once("finish", () => {
      if (!request.complete && (isTooLarge || isChunked(request))) socket.destroySoon();
    });
    const begin = () => {
      const waitMs = meter?.waitMs ?? 0;
      if (isTooLarge) {
        response.setHeader("Connection", "close");
        next(new Refusal("PAYLOAD_TOO_LARGE"));
      } else if (waitMs === 0) next();
      else this.#clock.after(waitMs, () => !response.destroyed && next());
    };
    // Node assigns the connection to a response once the previous response has been sent.
    if (response.socket) begin();
    else response.once("socket", begin);
  };

  #connectionOf(socket: TcpSocket): HttpConnection {
    const known = this.#connections.get(socket);
    if (known) return known;
    const isProxy = this.#trust(socket.remoteAddress ?? "", 0);
    // The connection is not paused: the next requests wait at the gate, at most PIPELINED_MAX.
    const meter = isProxy ? undefined : new Meter(this.#limits.inflow, this.#clock, { end: () => cut(socket) });
    const connection: HttpConnection = { meter, unanswered: 0 };
    this.#connections.set(socket, connection);
    return connection;
  }
}

/** With this return value, llhttp assumes an upgrade and stops parsing. */
const STOP_PARSING = 2;

/**
 * Closes the connection. Node would still parse up to 64 KB of requests that it has read, and
 * create some kilobytes of objects for each. So its parser is made to believe that no more HTTP
 * follows.
 */
function cut(socket: TcpSocket): void {
  if ("parser" in socket && typeof socket.parser === "object" && socket.parser !== null) {
    Object.assign(socket.parser, { onIncoming: () => STOP_PARSING });
  }
  socket.destroy();
}

function isChunked({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined;
}

/** For Express, whose body parsers would read a body of unknown length to its end. */
export function refuseChunked(
  request: IncomingMessage,
  response: ServerResponse,
  next: (refusal?: Refusal) => void,
): void {
  if (!isChunked(request)) {
    next();
    return;
  }
  response.setHeader("Connection", "close");
  next(new Refusal("BAD_REQUEST", { detail: "a body needs a Content-Length header" }));
}
