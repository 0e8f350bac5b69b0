/*
 * The WebSocket of one connection of the lane. It meters everything that comes in, answers pings
 * while the client reads, and closes in order. Reading and writing go straight to the TCP
 * connection (docs/decisions/049-own-commands-and-frames.md).
 *
 * A server may hold many idle connections, so nothing here is a function made for one of them.
 */

import type { Socket as TcpSocket } from "node:net";
import { Refusal } from "../../protocol/errors.js";
import type { PieceReader } from "../../store/direct-read.js";
import { CLOSING_MS_MAX } from "../connections/connections.js";
import {
  BrokenFrame,
  CLOSED_BY,
  type FrameLimits,
  type FrameListener,
  FrameReader,
} from "../connections/frame-reader.js";
import { takeOver } from "../connections/take-over.js";
import { CLOSE, PONG, webSocketFrame } from "../connections/websocket-frame.js";
import type { ConnectionLimits } from "../connections/websockets.js";
import type { Instance } from "../instance/instance.js";
import { Meter, type Metered } from "../limits/meter.js";
import type { LaneConnection, Wire } from "./lane-connection.js";
import type { Message } from "./message.js";

/** The part of a lane that all its sockets share. */
export interface LaneDoor {
  readonly instance: Instance;
  readonly limits: ConnectionLimits;
  readonly frames: FrameLimits;
  /** Called when the WebSocket of a connection has closed. */
  closed(connection: LaneConnection, wasAdmitted: boolean): void;
}

const EMPTY = new Uint8Array();
const LANE = Symbol("lane");

interface LaneTcp extends TcpSocket {
  [LANE]?: LaneSocket;
}

export class LaneSocket implements Wire, Metered, PieceReader, FrameListener {
  readonly #tcp: LaneTcp;
  readonly #door: LaneDoor;
  readonly #meter: Meter;
  readonly #reader: FrameReader;
  #connection: LaneConnection | undefined;
  #isAdmitted = false;
  /** Whether what is read goes no further. */
  #isDeaf = false;
  /** Bytes that came since the last message. */
  #bytes = 0;
  #isClosing = false;

  /** `tcp` has been answered with 101. */
  constructor(tcp: TcpSocket, door: LaneDoor) {
    this.#tcp = tcp;
    this.#door = door;
    this.#meter = new Meter(door.limits.inflow, door.instance.clock, this);
    this.#reader = new FrameReader(door.frames);
  }

  /** `head` came with the handshake. */
  start(head: Buffer): void {
    const tcp = this.#tcp;
    tcp[LANE] = this;
    tcp.on("end", reportEnd);
    tcp.on("close", reportClose);
    if (head.length > 0) this.read(head);
    takeOver(tcp, this);
  }

  serve(connection: LaneConnection, isAdmitted: boolean): void {
    this.#connection = connection;
    this.#isAdmitted = isAdmitted;
  }

  get waiting(): number {
    return this.#tcp.writableLength;
  }

  send(message: Message, next?: Message): void {
    if (!this.#isClosing) this.#tcp.write(next ? message.frameBefore(next) : message.frame);
  }

  /** Asks the client to close. */
  close(): void {
    this.#close(EMPTY);
  }

  read(piece: Buffer): void {
    this.#bytes += piece.length;
    if (this.#reader.isOver) {
      // Nothing that comes now is read, but a flood must end.
      this.#charge(0);
      if (this.#meter.isSpent) this.cut();
      return;
    }
    try {
      this.#reader.read(piece, this);
    } catch (error) {
      if (!(error instanceof BrokenFrame)) {
        // The rest of the piece is lost, so the next one cannot be read.
        this.cut();
        throw error;
      }
      this.#endAfter(codeBytes(error.code));
    }
  }

  /** The client closes. */
  closing(code: number): void {
    this.#endAfter(code === CLOSED_BY.noCode ? EMPTY : codeBytes(code));
  }

  /** Nothing is read after it, but the client's end must be seen, even if reading is paused. */
  #endAfter(payload: Uint8Array): void {
    this.#close(payload);
    this.#tcp.end();
    this.#tcp.resume();
  }

  /** The client sends nothing more. It may still read what waits. */
  ended(): void {
    if (!this.#isClosing) this.#startClosing();
    this.#tcp.end();
  }

  #close(payload: Uint8Array): void {
    if (this.#isClosing) return;
    this.#tcp.write(webSocketFrame(CLOSE, payload));
    this.#startClosing();
  }

  /** A write from now on could be one after the end, which would drop all that waits. */
  #startClosing(): void {
    this.#isClosing = true;
    setTimeout(() => this.cut(), CLOSING_MS_MAX).unref();
  }

  cut(): void {
    // The rest of a piece is still read, but not answered: each such write would make an error.
    this.#isDeaf = true;
    this.#isClosing = true;
    this.#tcp.destroy();
  }

  message(data: Buffer, isBinary: boolean): void {
    this.#charge(1);
    if (!this.#isDeaf) this.#connection?.receive(isBinary ? data : EMPTY);
  }

  ping(data: Buffer): void {
    this.#chargeControl();
    const mayAnswer = !this.#isClosing && this.waiting <= this.#door.limits.bufferBytesMax / 2;
    if (mayAnswer) this.#tcp.write(webSocketFrame(PONG, data));
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
    this.#tcp.pause();
  }

  resume(): void {
    this.#tcp.resume();
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

  /** All bytes since the last message are charged with it. Those that complete none are bounded. */
  #charge(messages: number): void {
    this.#meter.take(messages, this.#bytes);
    this.#bytes = 0;
  }
}

function codeBytes(code: number): Uint8Array {
  return Uint8Array.of(code >>> 8, code & 255);
}

function reportEnd(this: LaneTcp): void {
  this[LANE]?.ended();
}

function reportClose(this: LaneTcp): void {
  this[LANE]?.closed();
}
