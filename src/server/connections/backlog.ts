/*
 * What waits in this process to be sent to one connection, in bytes, of every kind and in every layer's queue: frames,
 * answers, notices, pongs. A client that does not read, or reads slowly, costs no more than the bound, in two steps:
 *
 *     0 ─────────── half ─────────── bytesMax
 *       frames go    │ frames are     │ what cannot be skipped came over it all the same:
 *                    │ skipped        │ the connection is given up
 *
 * Counts below Socket.IO: what Engine.IO queues, and what `ws` and the TCP connection below it hold, which also have what
 * passes Engine.IO by (pongs, and the finished frames of frame-sender.ts). What the kernel holds is not counted.
 */

import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket as TcpSocket } from "node:net";

/** An Engine.IO connection, as far as it matters here. */
export interface EngineConnection extends EventEmitter {
  readonly transport: EventEmitter & {
    readonly name: string;
    readonly writable: boolean;
    /** Of a WebSocket: what it and its TCP connection hold. */
    readonly socket?: { readonly bufferedAmount: number };
  };
}

/** What a packet that waits costs besides its bytes. */
const PACKET_OVERHEAD_BYTES = 256;

export class Backlog {
  readonly #connection: EngineConnection;
  readonly #bytesMax: number;
  readonly #overflow: () => void;
  /** Packets that wait until the transport can take them. */
  #queued = 0;
  /** Given to the transport; in the process until the transport can take more. */
  #inTransport = 0;
  /** Where answers to long-polling went: their client may ask on another connection and never read these. */
  readonly #responding = new Set<TcpSocket>();

  /** Calls `overflow` when more than `bytesMax` wait, and `queued` with the bytes of each packet. */
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
    // A transport of long-polling is done with an answer when it has handed it to the connection it came for.
    if (name !== "polling") bytes += Math.max(writable ? 0 : this.#inTransport, socket?.bufferedAmount ?? 0);
    for (const socket of this.#responding) {
      if (socket.writableLength === 0 || socket.destroyed) this.#responding.delete(socket);
      else bytes += socket.writableLength;
    }
    return bytes;
  }

  /** Whether what can be skipped should be. */
  get isHigh(): boolean {
    return this.bytes > this.#bytesMax / 2;
  }

  /** Calls for the end if too much waits. To be called after what this does not see being queued. */
  check(): void {
    if (this.bytes > this.#bytesMax) this.#overflow();
  }

  /** Drops the answers to long-polling that were not read. */
  abandon(): void {
    for (const socket of this.#responding) if (socket.writableLength > 0) socket.destroy();
  }
}
