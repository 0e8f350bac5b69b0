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

/** A WebSocket that knows the object that serves it. */
export class LaneWebSocket extends WebSocket {
  lane: LaneSocket | undefined;

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
  readonly #instance: Instance;
  readonly #bufferBytesMax: number;
  readonly #meter: Meter;
  #connection: LaneConnection | undefined;
  #bytesRead = 0;
  #isClosing = false;

  constructor(socket: LaneWebSocket, tcp: TcpSocket, instance: Instance, limits: ConnectionLimits) {
    this.#socket = socket;
    this.#tcp = tcp;
    this.#instance = instance;
    this.#bufferBytesMax = limits.bufferBytesMax;
    this.#meter = new Meter(limits.inflow, instance.clock, this);
    socket.lane = this;
    socket.binaryType = "nodebuffer";
    socket.on("message", onMessage);
    socket.on("ping", onPing);
    socket.on("pong", onPong);
    // After an error `ws` closes the connection.
    socket.on("error", ignore);
  }

  serve(connection: LaneConnection): void {
    this.#connection = connection;
  }

  get waiting(): number {
    return this.#tcp.writableLength;
  }

  send({ frame }: Message): void {
    if (this.#socket.readyState === WebSocket.OPEN) this.#tcp.write(frame);
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
    this.#connection = undefined;
    this.#socket.terminate();
  }

  message(data: Buffer, isBinary: boolean): void {
    this.#charge(1);
    this.#connection?.receive(isBinary ? data : EMPTY);
  }

  ping(data: Buffer): void {
    this.#chargeControl();
    if (this.waiting <= this.#bufferBytesMax / 2) this.#socket.pong(data);
  }

  pong(): void {
    this.#chargeControl();
  }

  /** It has ended, and is held no longer. */
  closed(): void {
    this.#meter.close();
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
    if (!connection) return;
    this.#connection = undefined;
    this.#instance.metrics.refused("TOO_MANY_ERRORS");
    this.#instance.admission.offended(connection.address);
    connection.goodbye(new Refusal("TOO_MANY_ERRORS").toBody());
  }

  /** The client may never read the answers to its pings. */
  #chargeControl(): void {
    this.#charge(1);
    if (this.#meter.isSpent || this.waiting > this.#bufferBytesMax) this.cut();
  }

  /** All bytes since the last message are charged with it. `ws` bounds those that complete none. */
  #charge(messages: number): void {
    const { bytesRead } = this.#tcp;
    this.#meter.take(messages, bytesRead - this.#bytesRead);
    this.#bytesRead = bytesRead;
  }
}

function onMessage(this: WebSocket, data: WebSocket.RawData, isBinary: boolean): void {
  if (this instanceof LaneWebSocket && Buffer.isBuffer(data)) this.lane?.message(data, isBinary);
}

function onPing(this: WebSocket, data: Buffer): void {
  if (this instanceof LaneWebSocket) this.lane?.ping(data);
}

function onPong(this: WebSocket): void {
  if (this instanceof LaneWebSocket) this.lane?.pong();
}

function ignore(): void {}
