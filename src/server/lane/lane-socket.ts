/*
 * The WebSocket of one connection of the lane. It meters everything that comes in, answers pings
 * while the client reads, and writes finished frames straight to the TCP connection. That keeps the
 * order, because `ws` has no queue of its own without compression.
 *
 * A server may hold many idle connections, so nothing here is a function made for one of them.
 */

import type { Socket as TcpSocket } from "node:net";
import { WebSocket } from "ws";
import { Refusal } from "../../protocol/errors.js";
import { CLOSING_MS_MAX } from "../connections/connections.js";
import type { ConnectionLimits } from "../connections/websockets.js";
import type { Instance } from "../instance/instance.js";
import { Meter, type Metered } from "../limits/meter.js";
import type { LaneConnection, Wire } from "./lane-connection.js";
import type { Message } from "./message.js";

/** The part of a lane that all its sockets share. */
export interface LaneDoor {
  readonly instance: Instance;
  readonly limits: ConnectionLimits;
  /** Called when the WebSocket of a connection has closed. */
  closed(connection: LaneConnection, wasAdmitted: boolean): void;
}

/** A WebSocket that knows the object that serves it, so it needs no table of listeners. */
export class LaneWebSocket extends WebSocket {
  lane: LaneSocket | undefined;
  /** The part of `ws` that reads. */
  declare private readonly _receiver: { _mask: Uint8Array | undefined } | null;

  override emit(event: string | symbol, ...[data, isBinary, ...more]: unknown[]): boolean {
    const { lane } = this;
    if (!lane) return super.emit(event, data, isBinary, ...more);
    if (event === "close") lane.closed();
    // After an error `ws` closes the connection.
    else if (!Buffer.isBuffer(data)) return false;
    else if (event === "message") lane.message(data, isBinary === true);
    else if (event === "ping") lane.ping(data);
    else if (event === "pong") lane.pong();
    // `ws` needs it no more, but keeps it, and it keeps all that this read of the socket brought.
    if (this._receiver) this._receiver._mask = undefined;
    return true;
  }

  /** `ws` calls it too: when the client closes, and after what is no WebSocket. */
  override close(code?: number, data?: string | Buffer): void {
    super.close(code, data);
    this.lane?.closing();
  }
}

const EMPTY = new Uint8Array();

export class LaneSocket implements Wire, Metered {
  readonly #socket: LaneWebSocket;
  readonly #tcp: TcpSocket;
  readonly #door: LaneDoor;
  readonly #meter: Meter;
  #connection: LaneConnection | undefined;
  #isAdmitted = false;
  /** Whether what is read goes no further. */
  #isDeaf = false;
  #bytesRead = 0;
  #isClosing = false;

  constructor(socket: LaneWebSocket, tcp: TcpSocket, door: LaneDoor) {
    this.#socket = socket;
    this.#tcp = tcp;
    this.#door = door;
    this.#meter = new Meter(door.limits.inflow, door.instance.clock, this);
    socket.lane = this;
    socket.binaryType = "nodebuffer";
  }

  serve(connection: LaneConnection, isAdmitted: boolean): void {
    this.#connection = connection;
    this.#isAdmitted = isAdmitted;
  }

  get waiting(): number {
    return this.#tcp.writableLength;
  }

  send(message: Message, next?: Message): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#tcp.write(next ? message.frameBefore(next) : message.frame);
  }

  close(): void {
    this.#socket.close();
  }

  /** `ws` would read and drop for 30 s what comes from here on, without an event for it. */
  closing(): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#tcp.on("data", () => {
      this.#charge(0);
      if (this.#meter.isSpent) this.cut();
    });
    setTimeout(() => this.cut(), CLOSING_MS_MAX).unref();
  }

  cut(): void {
    // `ws` passes on what it has read so far.
    this.#isDeaf = true;
    this.#socket.terminate();
  }

  message(data: Buffer, isBinary: boolean): void {
    this.#charge(1);
    if (!this.#isDeaf) this.#connection?.receive(isBinary ? data : EMPTY);
  }

  ping(data: Buffer): void {
    this.#chargeControl();
    if (this.waiting <= this.#door.limits.bufferBytesMax / 2) this.#socket.pong(data);
  }

  pong(): void {
    this.#chargeControl();
  }

  /** It has ended, and is held no longer. */
  closed(): void {
    this.#meter.close();
    if (this.#connection) this.#door.closed(this.#connection, this.#isAdmitted);
  }

  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** A flood came in. The part of it that was read goes no further. */
  end(): void {
    const connection = this.#connection;
    if (!connection || this.#isDeaf) return;
    this.#isDeaf = true;
    const { metrics, admission } = this.#door.instance;
    metrics.refused("TOO_MANY_ERRORS");
    admission.offended(connection.address);
    connection.goodbye(new Refusal("TOO_MANY_ERRORS").toBody());
  }

  /** The client may never read the answers to its pings. */
  #chargeControl(): void {
    this.#charge(1);
    if (this.#meter.isSpent || this.waiting > this.#door.limits.bufferBytesMax) this.cut();
  }

  /** All bytes since the last message are charged with it. `ws` bounds those that complete none. */
  #charge(messages: number): void {
    const { bytesRead } = this.#tcp;
    this.#meter.take(messages, bytesRead - this.#bytesRead);
    this.#bytesRead = bytesRead;
  }
}
