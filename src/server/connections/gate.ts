/*
 * The gate that every HTTP request passes, whether Express, the operators' app or Engine.IO's
 * long-polling answers it. A client may send requests down one connection without waiting for
 * answers, and an answer that is not read stays in memory. So a request is begun only when the
 * answer before it on its connection has gone to the kernel. The requests behind it are bounded,
 * and charged like messages.
 *
 *     connection ──► #4 #3 #2 wait ──► #1 is answered     more than PIPELINED_MAX: it is cut
 */

import type { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket as TcpSocket } from "node:net";
import type { Clock } from "../../protocol/clock.js";
import { Refusal } from "../../protocol/errors.js";
import type { Trust } from "../limits/client-address.js";
import { type InflowLimits, Meter } from "../limits/meter.js";
import { isUpgrade } from "./upgrades.js";

/** Requests without an answer on one connection. Browsers do not pipeline; a benchmark may. */
const PIPELINED_MAX = 32;

interface GateLimits {
  readonly inflow: InflowLimits;
  /** The largest body that is read. Body parsers would read a larger one to its end and drop it. */
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

  /** A connection of a trusted proxy carries the requests of many clients, so it has no meter. */
  constructor(limits: GateLimits, trust: Trust, clock: Clock) {
    this.#limits = limits;
    this.#trust = trust;
    this.#clock = clock;
  }

  /**
   * Bounds the requests of each connection as they are parsed. Call it after Socket.IO is attached,
   * because Socket.IO takes over the listeners that are there.
   */
  guard(http: EventEmitter): void {
    http.prependListener("request", (request: IncomingMessage, response: ServerResponse) => {
      const connection = this.#connectionOf(request.socket);
      if (++connection.unanswered > PIPELINED_MAX) cut(request.socket);
      else response.once("close", () => connection.unanswered--);
    });
    // Without a listener Node answers any number of these by itself.
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
    // The rest of a body whose request was answered would be read only to be dropped.
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
    // Node gives a response its connection when the response before it has been sent.
    if (response.socket) begin();
    else response.once("socket", begin);
  };

  #connectionOf(socket: TcpSocket): HttpConnection {
    const known = this.#connections.get(socket);
    if (known) return known;
    const isProxy = this.#trust(socket.remoteAddress ?? "", 0);
    // Not paused: the next request waits at the gate instead, and at most PIPELINED_MAX do.
    const meter = isProxy ? undefined : new Meter(this.#limits.inflow, this.#clock, { end: () => cut(socket) });
    const connection: HttpConnection = { meter, unanswered: 0 };
    this.#connections.set(socket, connection);
    return connection;
  }
}

/** llhttp takes this for an upgrade, and parses no further. */
const STOP_PARSING = 2;

/**
 * Ends the connection. Node would still parse the requests it has read, up to 64 KB, and make some
 * kilobytes of objects for each. So its parser is made to believe that no HTTP follows.
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
  next(new Refusal("BAD_REQUEST", { detail: "a body must be announced by Content-Length" }));
}
