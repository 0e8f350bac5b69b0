/*
 * Gives each WebSocket of an Engine.IO server a meter from its first byte on. Control frames, which
 * only `ws` sees and answers, are therefore charged from the start. Other data is charged once the
 * WebSocket is known to be ours (connections.ts), because an app may have its own namespaces on the
 * same server.
 */

import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket as TcpSocket } from "node:net";
import type { Clock } from "../../protocol/clock.js";
import { type InflowLimits, Meter, type Metered } from "../limits/meter.js";
import { forgetInactivity } from "./inactivity.js";

interface WebSocket extends EventEmitter {
  readonly bufferedAmount: number;
  pause(): void;
  resume(): void;
  terminate(): void;
}

interface WebSocketServer {
  handleUpgrade(
    request: IncomingMessage,
    tcp: TcpSocket,
    head: Buffer,
    done: (socket: WebSocket, request: IncomingMessage) => void,
  ): void;
  options?: { maxFragments?: number; maxBufferedChunks?: number };
}

/**
 * Bounds the frames and reads of one message. Each takes some hundred bytes until the message ends.
 */
const PIECES_MIN = 1_024;
const BYTES_PER_PIECE = 256;

export function piecesMax(messageBytesMax: number): number {
  return Math.max(PIECES_MIN, messageBytesMax / BYTES_PER_PIECE);
}

export interface ConnectionLimits {
  readonly bufferBytesMax: number;
  readonly messageBytesMax: number;
  readonly inflow: InflowLimits;
}

export class MeteredWebSocket implements Metered {
  readonly tcp: TcpSocket;
  readonly meter: Meter;
  readonly #socket: WebSocket;
  /** Replaced by the connection that the WebSocket belongs to. By default it is cut at once. */
  flooded: (() => void) | undefined;

  constructor(socket: WebSocket, tcp: TcpSocket, inflow: InflowLimits, clock: Clock) {
    this.tcp = tcp;
    this.#socket = socket;
    this.meter = new Meter(inflow, clock, this);
  }

  /**
   * Made in a method of its own, so that these functions do not hold the request of the upgrade.
   */
  chargeControlFrames(bufferBytesMax: number): void {
    const charge = () => {
      this.meter.take(1, 0);
      // Each ping read so far would be answered, and the client may never read the answers.
      if (this.meter.isSpent || this.#socket.bufferedAmount > bufferBytesMax) this.#socket.terminate();
    };
    this.#socket.on("ping", charge);
    this.#socket.on("pong", charge);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Closes a flooding connection. */
  end(): void {
    if (this.flooded) this.flooded();
    else this.#socket.terminate();
  }
}

export class WebSockets {
  readonly #metered = new WeakMap<object, MeteredWebSocket>();

  readonly #limits: ConnectionLimits;
  readonly #clock: Clock;

  constructor(limits: ConnectionLimits, clock: Clock) {
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Meters the WebSockets that this server of `ws` makes from now on. */
  guard(ws: unknown): void {
    if (!isWebSocketServer(ws)) return;
    const { inflow, messageBytesMax, bufferBytesMax } = this.#limits;
    const clock = this.#clock;
    const pieces = piecesMax(messageBytesMax);
    Object.assign(ws.options ?? {}, { maxFragments: pieces, maxBufferedChunks: pieces });
    const handleUpgrade = ws.handleUpgrade.bind(ws);
    ws.handleUpgrade = (request, tcp, head, done) =>
      handleUpgrade(request, tcp, head, (socket, ...rest) => {
        forgetInactivity(tcp);
        const metered = new MeteredWebSocket(socket, tcp, inflow, clock);
        metered.chargeControlFrames(bufferBytesMax);
        this.#metered.set(socket, metered);
        done(socket, ...rest);
      });
  }

  of(socket: unknown): MeteredWebSocket | undefined {
    return typeof socket === "object" && socket !== null ? this.#metered.get(socket) : undefined;
  }
}

function isWebSocketServer(ws: unknown): ws is WebSocketServer {
  return typeof ws === "object" && ws !== null && "handleUpgrade" in ws && typeof ws.handleUpgrade === "function";
}
