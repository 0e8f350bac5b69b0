/*
 * The lane: a WebSocket of our own beside Socket.IO, for protocol 2. Takes upgrades to its path,
 * after the same guards as Socket.IO's handshakes, and keeps its connections alive. The only file
 * of the server that imports `ws`.
 *
 *     upgrade ──► guards ──► 101 ──► hello (lane-connection.ts)
 */

import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket as TcpSocket } from "node:net";
import { type WebSocket, WebSocketServer } from "ws";
import { Refusal } from "../../protocol/errors.js";
import type { Notice } from "../../protocol/events.js";
import { BEAT_MS, encodeEvent, LANE_SUBPROTOCOL } from "../../protocol/lane.js";
import { identify } from "../clients/identify.js";
import type { Connections } from "../connections/connections.js";
import { type PassGuards, UpgradeResponse } from "../connections/upgrades.js";
import type { Presence } from "../fleet/presence.js";
import type { Instance } from "../instance/instance.js";
import type { Meter } from "../limits/meter.js";
import { type Identify, LaneConnection, type LaneContext, type Wire } from "./lane-connection.js";
import { Message } from "./message.js";

export interface LaneOptions {
  /** Whether a request is for the lane. */
  readonly isOurs: (request: IncomingMessage) => boolean;
  readonly presence: Presence;
  /** Sites whose pages may use boards; `*` for every site's. */
  readonly origins: readonly string[];
  /** The guards in front of Socket.IO's handshakes. */
  readonly passGuards: PassGuards;
  /** A connection that sends no `hello` in this time is closed. */
  readonly silentMsMax: number;
}

/** Beats go to a part of the connections at a time. */
const BEAT_PARTS = 20;
/** A client has this long to confirm a close. */
const CLOSING_MS_MAX = 2_000;

export class Lane {
  readonly #instance: Instance;
  readonly #connections: Connections;
  readonly #options: LaneOptions;
  readonly #context: LaneContext;
  readonly #ws: WebSocketServer;
  readonly #parts = Array.from({ length: BEAT_PARTS }, () => new Set<LaneConnection>());
  readonly #beats: NodeJS.Timeout;
  #made = 0;
  #open = 0;

  constructor(http: EventEmitter, instance: Instance, connections: Connections, options: LaneOptions) {
    this.#instance = instance;
    this.#connections = connections;
    this.#options = options;
    const { bufferBytesMax } = connections.limits;
    this.#context = { instance, presence: options.presence, bufferBytesMax };
    this.#ws = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      perMessageDeflate: false,
      maxPayload: connections.limits.messageBytesMax,
      autoPong: false,
      handleProtocols: (protocols) => (protocols.has(LANE_SUBPROTOCOL) ? LANE_SUBPROTOCOL : false),
    });
    connections.guard(this.#ws);
    http.on("upgrade", (request: IncomingMessage, tcp: TcpSocket, head: Buffer) => {
      if (options.isOurs(request)) this.#upgrade(request, tcp, head);
    });
    let part = 0;
    this.#beats = setInterval(() => this.#beat(part++ % BEAT_PARTS), BEAT_MS / BEAT_PARTS);
    this.#beats.unref();
  }

  get online(): number {
    return this.#open;
  }

  notify(notice: Notice): void {
    const message = new Message(encodeEvent("notice", notice));
    for (const connection of this.#all()) connection.notify(message);
  }

  /** Ends the connections of this user; returns their number. */
  disconnect(subject: string, reason: Refusal): number {
    const theirs = Array.from(this.#all()).filter((connection) => connection.subject === subject);
    for (const connection of theirs) connection.goodbye(reason.toBody());
    return theirs.length;
  }

  /** Ends all connections at once. */
  close(): void {
    clearInterval(this.#beats);
    for (const connection of this.#all()) connection.wire.close();
    this.#ws.close();
  }

  *#all(): Iterable<LaneConnection> {
    for (const part of this.#parts) yield* part;
  }

  #upgrade(request: IncomingMessage, tcp: TcpSocket, head: Buffer): void {
    tcp.on("error", ignore);
    const response = new UpgradeResponse(request, tcp);
    const late = setTimeout(() => tcp.destroy(), this.#options.silentMsMax);
    this.#options.passGuards(request, response, (error) => {
      clearTimeout(late);
      if (error) return response.refuse(error);
      const add = (headers: string[]) => headers.push(...response.headerLines());
      this.#ws.on("headers", add);
      this.#ws.handleUpgrade(request, tcp, head, (socket) => this.#serve(socket, tcp, request));
      this.#ws.off("headers", add);
      response.answered();
    });
  }

  #serve(socket: WebSocket, tcp: TcpSocket, request: IncomingMessage): void {
    const wire = new WebSocketWire(socket, tcp);
    const { allowance, refusal, ended } = this.#connections.admitWebSocket(request, () => wire.cut());
    const { silentMsMax } = this.#options;
    const connection = new LaneConnection(this.#context, wire, allowance, this.#identifies(request, refusal));
    const part = this.#parts[this.#made++ % BEAT_PARTS];
    part?.add(connection);
    this.#open++;
    const meter = this.#meter(socket, connection, allowance.address);
    const silent = setTimeout(() => wire.cut(), silentMsMax);
    silent.unref();
    socket.binaryType = "nodebuffer";
    socket.on("message", (data: Buffer, isBinary: boolean) => {
      clearTimeout(silent);
      meter.take(1, 0);
      connection.receive(isBinary ? data : EMPTY);
    });
    // `ws` closes the connection after an error.
    socket.on("error", ignore);
    socket.on("close", () => {
      clearTimeout(silent);
      part?.delete(connection);
      this.#open--;
      ended();
      connection.close();
    });
  }

  /** A function of its own, because all functions made in one place hold what any of them uses. */
  #identifies(request: IncomingMessage, refusal: Refusal | undefined): Identify {
    return async (auth) => {
      if (refusal) throw refusal;
      return identify(this.#instance, request, auth, this.#options.origins);
    };
  }

  /** Charges all that comes in, and answers pings as long as the client reads. */
  #meter(socket: WebSocket, connection: LaneConnection, address: string): Meter {
    const metered = this.#connections.meteredOf(socket);
    if (!metered) throw new Error("this version of ws lets no meter be put on a WebSocket");
    const { meter, tcp } = metered;
    const { admission, metrics } = this.#instance;
    metered.flooded = () => {
      metrics.refused("TOO_MANY_ERRORS");
      admission.offended(address);
      socket.removeAllListeners("message");
      connection.goodbye(new Refusal("TOO_MANY_ERRORS").toBody());
    };
    tcp.on("data", (chunk: Buffer) => meter.take(0, chunk.length));
    socket.on("ping", (data: Buffer) => {
      if (!connection.backlogged) socket.pong(data);
    });
    return meter;
  }

  #beat(part: number): void {
    for (const connection of this.#parts[part] ?? []) {
      if (!connection.beat()) connection.wire.cut();
    }
  }
}

const ignore = () => undefined;
const EMPTY = new Uint8Array();

/**
 * Writes finished WebSocket frames straight to the TCP connection. `ws` without compression keeps no
 * queue of its own, so their order is that of the calls.
 */
class WebSocketWire implements Wire {
  readonly #socket: WebSocket;
  readonly #tcp: TcpSocket;

  constructor(socket: WebSocket, tcp: TcpSocket) {
    this.#socket = socket;
    this.#tcp = tcp;
  }

  get waiting(): number {
    return this.#tcp.writableLength;
  }

  send({ frame }: Message): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#tcp.write(frame);
  }

  close(): void {
    this.#socket.close();
    setTimeout(() => this.#socket.terminate(), CLOSING_MS_MAX).unref();
  }

  cut(): void {
    this.#socket.terminate();
  }
}
