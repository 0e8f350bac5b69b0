/*
 * The gate that every HTTP request passes, whatever it asks for and whoever answers it (Express, the operators' app, the
 * long-polling of Engine.IO). Requests may be sent down one connection without waiting for answers, and an answer that is
 * not read is held. So of one connection, a request is begun only when the answer before it has gone to the kernel: a
 * client that does not read is made one answer. What waits behind it is bounded, and costs what messages cost.
 *
 *     connection ──► #4 #3 #2 wait ──► #1 is answered        more than PIPELINED_MAX: the connection is cut
 */

import type { EventEmitter } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket as TcpSocket } from "node:net";
import type { Clock } from "../../protocol/clock.js";
import { Refusal } from "../../protocol/errors.js";
import type { Trust } from "../limits/client-address.js";
import { type InflowLimits, Meter } from "../limits/meter.js";
import { answer } from "./handshake.js";
import { isUpgrade } from "./upgrades.js";

/** Requests of one connection without an answer. Browsers do not pipeline; a benchmark may. */
const PIPELINED_MAX = 32;

interface GateLimits {
  /** What may come in on a connection. */
  readonly inflow: InflowLimits;
  /** The largest body that is read: parsers of bodies read off, and drop, what is too large for them. */
  readonly bodyBytesMax: number;
}

interface Connection {
  readonly meter: Meter | undefined;
  unanswered: number;
}

export class HttpGate {
  readonly #limits: GateLimits;
  readonly #trust: Trust;
  readonly #clock: Clock;
  readonly #connections = new WeakMap<TcpSocket, Connection>();

  /** Connections of a proxy that `trust` knows carry the requests of many clients, and have no meter. */
  constructor(limits: GateLimits, trust: Trust, clock: Clock) {
    this.#limits = limits;
    this.#trust = trust;
    this.#clock = clock;
  }

  /**
   * Bounds the requests of each connection as they are parsed, before anybody has them. To be called when Socket.IO is
   * attached, which takes over the listeners that there are.
   */
  guard(http: EventEmitter): void {
    http.prependListener("request", (request: IncomingMessage, response: ServerResponse) => {
      const connection = this.#connectionOf(request.socket);
      if (++connection.unanswered > PIPELINED_MAX) cut(request.socket);
      else response.once("close", () => connection.unanswered--);
    });
    // Node answers these by itself where nobody listens, as many as there are.
    http.on("checkExpectation", (request: IncomingMessage, response: ServerResponse) => {
      response.writeHead(417, { Connection: "close" }).end(() => cut(request.socket));
    });
  }

  /** As Express and Engine.IO want it: calls `next` when it is the request's turn, or never. */
  readonly pass = (request: IncomingMessage, response: ServerResponse, next: () => void): void => {
    // What Engine.IO passes for an upgrade is no response: that connection has a meter of its own from here on.
    if (isUpgrade(request)) {
      next();
      return;
    }
    const { socket } = request;
    const { meter } = this.#connectionOf(socket);
    const bodyBytes = Number(request.headers["content-length"] ?? 0);
    const isTooLarge = bodyBytes > this.#limits.bodyBytesMax;
    meter?.take(1, isTooLarge ? 0 : bodyBytes);
    // What is left of a body once its answer is sent would be read only to be dropped.
    response.once("finish", () => {
      if (!request.complete && (isTooLarge || isChunked(request))) socket.destroySoon();
    });
    const begin = () => {
      if (isTooLarge) answer(request, response, new Refusal("PAYLOAD_TOO_LARGE"));
      else this.#begin(meter, response, next);
    };
    // Node gives a response its connection when the response before it has been sent.
    if (response.socket) begin();
    else response.once("socket", begin);
  };

  #begin(meter: Meter | undefined, response: ServerResponse, next: () => void): void {
    const waitMs = meter?.waitMs ?? 0;
    if (waitMs === 0) {
      next();
      return;
    }
    this.#clock.after(waitMs, () => {
      if (!response.destroyed) next();
    });
  }

  #connectionOf(socket: TcpSocket): Connection {
    const known = this.#connections.get(socket);
    if (known) return known;
    const isProxy = this.#trust(socket.remoteAddress ?? "", 0);
    // Not paused: the next request waits at the gate instead, and no more than PIPELINED_MAX may.
    const metered = { pause: () => undefined, resume: () => undefined, end: () => cut(socket) };
    const meter = isProxy ? undefined : new Meter(this.#limits.inflow, this.#clock, metered);
    const connection: Connection = { meter, unanswered: 0 };
    this.#connections.set(socket, connection);
    return connection;
  }
}

/** What llhttp takes for an upgrade: it parses no further. */
const STOP_PARSING = 2;

/**
 * Ends the connection. Node parses what it has read, up to 64 KB of requests, to its end all the same, and makes some
 * kilobytes of objects for each: so its parser is told that what follows is no HTTP.
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

/** For Express: parsers of bodies read one of unknown length to its end, however long it is. */
export function refuseChunked(request: IncomingMessage, response: ServerResponse, next: () => void): void {
  if (!isChunked(request)) next();
  else answer(request, response, new Refusal("BAD_REQUEST", { detail: "a body must be announced by Content-Length" }));
}
