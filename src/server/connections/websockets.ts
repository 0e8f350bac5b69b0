/*
 * The WebSockets below an Engine.IO server, each with a meter from its first byte on, before Engine.IO knows what it
 * carries: control frames, which only `ws` sees and answers, have a price from the start. What else a WebSocket carries is
 * charged once it is known to be ours (connections.ts), as others' namespaces may be on the same server.
 */

import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket as TcpSocket } from "node:net";
import type { Clock } from "../../protocol/clock.js";
import { type InflowLimits, Meter } from "../limits/meter.js";

/** A server's WebSocket, of `ws`. */
export interface WebSocket extends EventEmitter {
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

/** Of one message, in frames and in reads: each holds some hundred bytes of its own until the message is whole. */
const PIECES_MIN = 1_024;
const BYTES_A_PIECE = 256;

interface WebSocketLimits {
  readonly inflow: InflowLimits;
  /** The largest message taken. */
  readonly messageBytesMax: number;
  /** May wait to be sent. */
  readonly bufferBytesMax: number;
}

interface MeteredWebSocket {
  readonly meter: Meter;
  readonly tcp: TcpSocket;
  /** Ends it, as what came is a flood. Until somebody knows better how, at once. */
  end: () => void;
}

export class WebSockets {
  readonly #metered = new WeakMap<object, MeteredWebSocket>();

  /** `ws` is Engine.IO's; without it there are no WebSockets here. */
  constructor(ws: unknown, { inflow, messageBytesMax, bufferBytesMax }: WebSocketLimits, clock: Clock) {
    if (!isWebSocketServer(ws)) return;
    const piecesMax = Math.max(PIECES_MIN, messageBytesMax / BYTES_A_PIECE);
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
          // Each ping of the flood that has been read already would be answered, and the answers may be read by nobody.
          if (meter.isSpent || socket.bufferedAmount > bufferBytesMax) socket.terminate();
        };
        socket.on("ping", charge);
        socket.on("pong", charge);
        const metered: MeteredWebSocket = { meter, tcp, end: () => socket.terminate() };
        this.#metered.set(socket, metered);
        done(socket, ...rest);
      });
  }

  /** Undefined for what is no WebSocket of this server. */
  of(socket: unknown): MeteredWebSocket | undefined {
    return typeof socket === "object" && socket !== null ? this.#metered.get(socket) : undefined;
  }
}

function isWebSocketServer(ws: unknown): ws is WebSocketServer {
  return typeof ws === "object" && ws !== null && "handleUpgrade" in ws && typeof ws.handleUpgrade === "function";
}
