/*
 * The bytes waiting in this process to be sent on one connection, in the queues of all layers:
 * frames, answers, notices, pongs. A client that reads slowly or not at all costs at most the
 * bound, in two steps:
 *
 *     0 ─────────── half ─────────── bytesMax
 *       frames go    │ frames are     │ messages that cannot be skipped exceeded the bound:
 *                    │ skipped        │ the connection is closed
 *
 * It counts below Socket.IO: Engine.IO's queue, and the bytes held by `ws` and its TCP connection.
 * Those include data that bypasses Engine.IO: pongs, and the finished frames of frame-sender.ts.
 * Bytes in the kernel are not counted.
 */

import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket as TcpSocket } from "node:net";

export interface EngineConnection extends EventEmitter {
  readonly transport: EventEmitter & {
    readonly name: string;
    readonly writable: boolean;
    /** For a WebSocket: the bytes that it and its TCP connection hold. */
    readonly socket?: { readonly bufferedAmount: number; terminate?(): void };
  };
}

/** Memory that a waiting packet takes besides its own bytes. */
const PACKET_OVERHEAD_BYTES = 256;

export class Backlog {
  readonly #connection: EngineConnection;
  readonly #bytesMax: number;
  readonly #overflow: () => void;
  #queued = 0;
  /** Bytes given to the transport, which may hold them until it is writable again. */
  #inTransport = 0;
  /**
   * TCP connections of long-polling answers. The client may poll on another and never read these.
   */
  readonly #responding = new Set<TcpSocket>();

  /** Calls `overflow` when more than `bytesMax` wait, and `queued` with the size of each packet. */
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
    // A long-polling transport no longer holds an answer once the TCP connection has it.
    if (name !== "polling") bytes += Math.max(writable ? 0 : this.#inTransport, socket?.bufferedAmount ?? 0);
    for (const socket of this.#responding) {
      if (socket.writableLength === 0 || socket.destroyed) this.#responding.delete(socket);
      else bytes += socket.writableLength;
    }
    return bytes;
  }

  /** Whether skippable messages should be skipped. */
  get isHigh(): boolean {
    return this.bytes > this.#bytesMax / 2;
  }

  /** Calls `overflow` if too much waits. To be called for data that bypasses Engine.IO. */
  check(): void {
    if (this.bytes > this.#bytesMax) this.#overflow();
  }

  abandon(): void {
    for (const socket of this.#responding) if (socket.writableLength > 0) socket.destroy();
  }
}
