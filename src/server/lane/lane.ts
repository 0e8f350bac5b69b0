/*
 * The lane: a WebSocket of our own beside Socket.IO, for protocol 2. Takes upgrades to its path,
 * after the same guards as Socket.IO's handshakes, and keeps its connections alive.
 *
 *     upgrade ──► guards ──► 101 ──► hello (lane-connection.ts)
 */

import type { EventEmitter } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Socket as TcpSocket } from "node:net";
import { Refusal } from "../../protocol/errors.js";
import type { Notice } from "../../protocol/events.js";
import { BEAT_MS, LANE_SUBPROTOCOL } from "../../protocol/lane.js";
import { identify } from "../clients/identify.js";
import type { Connections } from "../connections/connections.js";
import { type PassGuards, refuseUpgrade, UpgradeResponse } from "../connections/upgrades.js";
import { piecesMax } from "../connections/websockets.js";
import type { Presence } from "../fleet/presence.js";
import type { Instance } from "../instance/instance.js";
import { BeatRounds, TICKS_MAX } from "./beat-rounds.js";
import { acceptHandshake, VERSION_LINE } from "./handshake.js";
import { type Identify, LaneConnection, type LaneContext } from "./lane-connection.js";
import { type LaneDoor, LaneSocket } from "./lane-socket.js";
import { noticeMessage } from "./message.js";

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

export class Lane {
  readonly #instance: Instance;
  readonly #connections: Connections;
  readonly #options: LaneOptions;
  readonly #context: LaneContext;
  readonly #door: LaneDoor;
  readonly #beats = new BeatRounds<LaneConnection>();
  /** Connections without `hello`, oldest first -> when they are closed. */
  readonly #silent = new Map<LaneConnection, number>();
  readonly #timer: NodeJS.Timeout;
  #open = 0;
  #isClosed = false;

  constructor(http: EventEmitter, instance: Instance, connections: Connections, options: LaneOptions) {
    this.#instance = instance;
    this.#connections = connections;
    this.#options = options;
    const { bufferBytesMax, messageBytesMax } = connections.limits;
    this.#context = {
      instance,
      presence: options.presence,
      bufferBytesMax,
      greeted: (connection) => this.#silent.delete(connection),
    };
    this.#door = {
      instance,
      limits: connections.limits,
      frames: { bytesMax: messageBytesMax, partsMax: piecesMax(messageBytesMax) },
      closed: (connection, wasAdmitted) => this.#closed(connection, wasAdmitted),
    };
    http.on("upgrade", (request: IncomingMessage, tcp: TcpSocket, head: Buffer) => {
      if (options.isOurs(request)) this.#upgrade(request, tcp, head);
    });
    this.#timer = setInterval(() => {
      for (const connection of this.#beats.tick()) connection.wire.cut();
      this.#cutSilent();
    }, BEAT_MS / TICKS_MAX);
    this.#timer.unref();
  }

  get online(): number {
    return this.#open;
  }

  notify(notice: Notice): void {
    const message = noticeMessage(notice);
    for (const connection of this.#beats) connection.notify(message);
  }

  /** Ends the connections of this user; returns their number. */
  disconnect(subject: string): number {
    const theirs = Array.from(this.#beats).filter((connection) => connection.subject === subject);
    for (const connection of theirs) connection.wire.cut();
    return theirs.length;
  }

  /** Ends all connections. */
  close(): void {
    clearInterval(this.#timer);
    for (const connection of this.#beats) connection.wire.close();
    this.#isClosed = true;
  }

  #upgrade(request: IncomingMessage, tcp: TcpSocket, head: Buffer): void {
    tcp.on("error", ignore);
    const response = new UpgradeResponse(request, tcp);
    const late = setTimeout(() => tcp.destroy(), this.#options.silentMsMax);
    response.once("close", () => clearTimeout(late));
    this.#options.passGuards(request, response, (error) => {
      // A middleware's own error is no business of the client.
      if (error) return this.#refuse(tcp, error instanceof Refusal ? error : new Refusal("BAD_REQUEST"));
      const answer = acceptHandshake(request, LANE_SUBPROTOCOL, response.headerLines());
      if (!answer) {
        const status = request.method === "GET" ? 400 : 405;
        return this.#refuse(tcp, new Refusal("BAD_REQUEST"), status, [VERSION_LINE]);
      }
      if (this.#isClosed) return this.#refuse(tcp, new Refusal("GOING_AWAY"));
      response.answered();
      // The client may have gone already.
      if (!tcp.readable || !tcp.writable) tcp.destroy();
      else {
        tcp.write(answer);
        this.#serve(tcp, request, head);
      }
    });
  }

  #refuse(tcp: TcpSocket, refusal: Refusal, status?: number, lines?: readonly string[]): void {
    this.#instance.metrics.refused(refusal.code);
    refuseUpgrade(tcp, refusal, status, lines);
  }

  #serve(tcp: TcpSocket, request: IncomingMessage, head: Buffer): void {
    const wire = new LaneSocket(tcp, this.#door);
    const { allowance, refusal } = this.#connections.admitWebSocket(request, wire);
    const connection = new LaneConnection(this.#context, wire, allowance, this.#identifies(request, refusal));
    wire.serve(connection, !refusal);
    this.#beats.add(connection);
    this.#silent.set(connection, this.#instance.clock.now() + this.#options.silentMsMax);
    this.#open++;
    wire.start(head);
  }

  #closed(connection: LaneConnection, wasAdmitted: boolean): void {
    this.#beats.delete(connection);
    this.#silent.delete(connection);
    this.#open--;
    if (wasAdmitted) this.#instance.admission.disconnect(connection.address);
    connection.close();
  }

  #identifies(request: IncomingMessage, refusal: Refusal | undefined): Identify {
    return async (auth) => {
      if (refusal) throw refusal;
      return identify(this.#instance, request, auth, this.#options.origins);
    };
  }

  #cutSilent(): void {
    const now = this.#instance.clock.now();
    for (const [connection, dueMs] of this.#silent) {
      if (dueMs > now) return;
      this.#silent.delete(connection);
      connection.wire.cut();
    }
  }
}

function ignore(): void {}
