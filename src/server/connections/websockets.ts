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
import { type InflowLimits, Meter } from "../limits/meter.js";

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

export interface ConnectionLimits {
  readonly bufferBytesMax: number;
  readonly messageBytesMax: number;
  readonly inflow: InflowLimits;
}

interface MeteredWebSocket {
  readonly meter: Meter;
  readonly tcp: TcpSocket;
  /**
   * Closes a flooding connection. By default it is cut immediately; the owner may replace this
   * function.
   */
  end: () => void;
}

export class WebSockets {
  readonly #metered = new WeakMap<object, MeteredWebSocket>();

  constructor(ws: unknown, { inflow, messageBytesMax, bufferBytesMax }: ConnectionLimits, clock: Clock) {
    if (!isWebSocketServer(ws)) return;
    const piecesMax = Math.max(PIECES_MIN, messageBytesMax / BYTES_PER_PIECE);
    Object.assign(ws.options ?? {}, { maxFragments: piecesMax, maxBufferedChunks: piecesMax });
    const handleUpgrade = ws.handleUpgrade.bind(ws);
    ws.handleUpgrade = (request, tcp, head, done) =>
      handleUpgrade(request, tcp, head, (socket, ...rest) => {
        const meter = new Meter(inflow, clock, {
          pause: () => socket.pause(),
          resume: () => socket.resume(),
          end: () => metered.end(),
        });
        const charge = () => {
          meter.take(1, 0);
          // Every ping that was read would be answered, and the client may never read the answers.
          if (meter.isSpent || socket.bufferedAmount > bufferBytesMax) socket.terminate();
        };
        socket.on("ping", charge);
        socket.on("pong", charge);
        const metered: MeteredWebSocket = { meter, tcp, end: () => socket.terminate() };
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
