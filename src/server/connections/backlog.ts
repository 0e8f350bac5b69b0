/*
 * The bytes that wait in this process to be sent on one connection, in every layer's queue: frames,
 * answers, notices, pongs. A client that does not read, or reads slowly, costs at most the bound,
 * in two steps:
 *
 *     0 ─────────── half ─────────── bytesMax
 *       frames go    │ frames are     │ messages that cannot be skipped exceeded the bound:
 *                    │ skipped        │ the connection is closed
 *
 * Counts below Socket.IO: the queue of Engine.IO, and the bytes held by `ws` and its TCP
 * connection. Those include data that passes Engine.IO by (pongs, and the finished frames of
 * frame-sender.ts). Bytes in the kernel are not counted.
 */

import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket as TcpSocket } from "node:net";

export interface EngineConnection extends EventEmitter {
  readonly transport: EventEmitter & {
    readonly name: string;
    readonly writable: boolean;
    /** Of a WebSocket: bytes that it and its TCP connection hold. */
    readonly socket?: { readonly bufferedAmount: number; terminate?(): void };
  };
}

/** Cost of a waiting packet besides its bytes. */
const PACKET_OVERHEAD_BYTES = 256;

export class Backlog {
  readonly #connection: EngineConnection;
  readonly #bytesMax: number;
  readonly #overflow: () => void;
  #queued = 0;
  /** Bytes given to the transport, which may hold them until it can take more. */
  #inTransport = 0;
  /** Connections of long-polling answers: the client may ask on another and never read these. */
  readonly #responding = new Set<TcpSocket>();

  /** Calls `overflow` when more than `bytesMax` wait, and `queued` with the bytes of a packet. */
  constructor(
    connection: EngineConnection,
    bytesMax: number,
    overflow: () => void,
    queued: (bytes: number) => void = () => undefined,
  ) {
    this.#connection = connection;
    this.#bytesMax = bytesMax;
    this.#overflow = overflow;
    connection.on("packetCreate", ({ data }: { data?: string | Buffer }) => {
      const bytes = data === undefined ? 0 : Buffer.byteLength(data);
      this.#queued += PACKET_OVERHEAD_BYTES + bytes;
      queued(bytes);
      this.check();
    });
    connection.on("flush", () => {
      this.#inTransport = this.#queued;
      this.#queued = 0;
    });
    connection.transport.on("headers", (_headers: unknown, { socket }: IncomingMessage) => {
      this.#responding.add(socket);
    });
  }

  get bytes(): number {
    const { name, writable, socket } = this.#connection.transport;
    let bytes = this.#queued;
    // A long-polling transport is done with an answer once the TCP connection has it.
    if (name !== "polling") bytes += Math.max(writable ? 0 : this.#inTransport, socket?.bufferedAmount ?? 0);
    for (const socket of this.#responding) {
      if (socket.writableLength === 0 || socket.destroyed) this.#responding.delete(socket);
      else bytes += socket.writableLength;
    }
    return bytes;
  }

  /** Whether messages that can be skipped should be. */
  get isHigh(): boolean {
    return this.bytes > this.#bytesMax / 2;
  }

  /** Calls `overflow` if too much waits. For data queued without Engine.IO. */
  check(): void {
    if (this.bytes > this.#bytesMax) this.#overflow();
  }

  abandon(): void {
    for (const socket of this.#responding) if (socket.writableLength > 0) socket.destroy();
  }
}
