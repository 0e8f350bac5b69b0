/*
 * The connections of one Socket.IO server, below its namespaces. Each is admitted or refused once.
 * Its incoming and waiting data are bounded at every layer, and its memory is freed soon after it
 * ends.
 */

import type { IncomingMessage } from "node:http";
import { type ErrorBody, Refusal } from "../../protocol/errors.js";
import type { Instance } from "../instance/instance.js";
import { addressKey } from "../limits/address.js";
import type { Allowance } from "../limits/allowance.js";
import { clientAddress, type Trust } from "../limits/client-address.js";
import { Meter } from "../limits/meter.js";
import { Attachments } from "./attachments.js";
import { Backlog, type EngineConnection } from "./backlog.js";
import { type ConnectionLimits, WebSockets } from "./websockets.js";

export type { ConnectionLimits };

export interface Connection extends EngineConnection {
  readonly transport: EngineConnection["transport"] & { readonly sid: string };
  readonly remoteAddress: string;
  readonly request: IncomingMessage;
  readonly readyState: string;
  close(discard?: boolean): void;
}

export interface AdmittedConnection {
  readonly backlog: Backlog;
  readonly allowance: Allowance;
  /** Joined namespace -> function that sends the reason there, then closes the connection. */
  readonly joined: Map<string, (error: ErrorBody) => void>;
  readonly refusal: Refusal | undefined;
}

interface AdmittedWebSocket {
  readonly allowance: Allowance;
  readonly refusal: Refusal | undefined;
}

/** A refused client has this long to join a namespace and read why. */
const REFUSED_MS_MAX = 2_000;
/** Refused connections per address that may wait for that. Beyond this, handshakes are refused. */
const REFUSED_MAX = 1_000;
/**
 * A client has this long to confirm a close. By default, `ws` would keep the unsent bytes for 30 s.
 */
export const CLOSING_MS_MAX = 2_000;
/** Cost of joining a namespace, in messages. It creates a socket and may call the app's hook. */
const JOIN_MESSAGES = 10;
const SOCKETIO_CONNECT = "0";

export class Connections {
  readonly #instance: Instance;
  readonly #limits: ConnectionLimits;
  readonly #trust: Trust;
  readonly #webSockets: WebSockets;
  readonly #admitted = new WeakMap<Connection, AdmittedConnection>();
  readonly #refused = new Map<string, number>();
  readonly #polling = new Map<string, Meter>();

  constructor(instance: Instance, limits: ConnectionLimits, trust: Trust) {
    this.#instance = instance;
    this.#trust = trust;
    this.#limits = limits;
    this.#webSockets = new WebSockets(limits, instance.clock);
  }

  /** Meters the WebSockets that a server of `ws` makes from now on. */
  guard(ws: unknown): void {
    this.#webSockets.guard(ws);
  }

  get limits(): ConnectionLimits {
    return this.#limits;
  }

  addressOf(request: IncomingMessage): string {
    return addressKey(clientAddress(request, this.#trust));
  }

  /** The refusal, if this request's client should not even get a connection. */
  refusalFor(request: IncomingMessage): Refusal | undefined {
    const isSwamped = (this.#refused.get(this.addressOf(request)) ?? 0) >= REFUSED_MAX;
    return isSwamped ? new Refusal("TOO_MANY_CONNECTIONS", { retryAfterMs: REFUSED_MS_MAX }) : undefined;
  }

  /** Milliseconds until a request with this Engine.IO id should be read. */
  waitMs(engineId: string): number {
    return this.#polling.get(engineId)?.waitMs ?? 0;
  }

  /** Admits or refuses the connection on the first call. Later calls return the same outcome. */
  admit(connection: Connection): AdmittedConnection {
    const known = this.#admitted.get(connection);
    if (known) return known;
    const address = addressKey(clientAddress(connection.request, this.#trust) ?? connection.remoteAddress);
    const { metrics, admission } = this.#instance;
    const overflow = () => {
      metrics.refused("TOO_SLOW");
      connection.close(true);
    };
    const backlog = new Backlog(connection, this.#limits.bufferBytesMax, overflow, (bytes) => metrics.sent(bytes));
    const admitted: AdmittedConnection = {
      backlog,
      allowance: admission.allowance(address),
      joined: new Map(),
      refusal: this.#connect(address),
    };
    this.#admitted.set(connection, admitted);
    const ended = this.#meter(connection, admitted);
    const over = () => {
      ended();
      if (!admitted.refusal) admission.disconnect(address);
      setTimeout(() => {
        backlog.abandon();
        connection.transport.socket?.terminate?.();
      }, CLOSING_MS_MAX).unref();
    };
    // If it closed while being admitted, its event was missed.
    if (connection.readyState === "closed") over();
    else connection.once("close", over);
    if (admitted.refusal) this.#closeRefused(address, () => connection.close(true));
    return admitted;
  }

  /**
   * Counts a connection that is no Engine.IO connection. If it is refused, it is cut once the
   * client can have read why. If it is not, call `disconnect` of the admission at its end.
   */
  admitWebSocket(request: IncomingMessage, socket: { cut(): void }): AdmittedWebSocket {
    const { admission } = this.#instance;
    const address = this.addressOf(request);
    const refusal = this.#connect(address);
    if (refusal) this.#closeRefused(address, () => socket.cut());
    return { allowance: admission.allowance(address), refusal };
  }

  #closeRefused(address: string, close: () => void): void {
    this.#refused.set(address, (this.#refused.get(address) ?? 0) + 1);
    setTimeout(() => {
      const left = (this.#refused.get(address) ?? 0) - 1;
      if (left > 0) this.#refused.set(address, left);
      else this.#refused.delete(address);
      close();
    }, REFUSED_MS_MAX).unref();
  }

  /** Meters all incoming data. Call the returned function when the connection has ended. */
  #meter(connection: Connection, { allowance, joined }: AdmittedConnection): () => void {
    const { admission, clock, metrics } = this.#instance;
    let isFlooded = false;
    const end = () => {
      if (isFlooded) return;
      isFlooded = true;
      metrics.refused("TOO_MANY_ERRORS");
      admission.offended(allowance.address);
      // The part of the flood that was already read is dropped.
      connection.transport.removeAllListeners("packet");
      for (const goodbye of joined.values()) goodbye(new Refusal("TOO_MANY_ERRORS").toBody());
      if (joined.size === 0) connection.close(true);
    };
    // Requests of a long-polling connection are delayed instead (see `waitMs`).
    let meter = new Meter(this.#limits.inflow, clock, { end });
    const adopt = (socket: unknown): boolean => {
      const metered = this.#webSockets.of(socket);
      if (!metered) return false;
      meter = metered.meter;
      metered.flooded = end;
      metered.tcp.on("data", (chunk: Buffer) => metered.meter.take(0, chunk.length));
      return true;
    };
    const { sid: engineId } = connection.transport;
    let isPolling = false;
    if (!adopt(connection.transport.socket)) {
      isPolling = true;
      this.#polling.set(engineId, meter);
      connection.on("upgrade", ({ socket }: { socket?: unknown }) => {
        if (adopt(socket)) this.#polling.delete(engineId);
      });
      connection.on("upgrading", () => meter.take(1, 0));
    }
    const attachments = new Attachments(this.#limits.messageBytesMax, () => connection.close(true));
    connection.on("packet", ({ type, data }: { type: string; data?: string | Buffer }) => {
      const isJoin = typeof data === "string" && data.startsWith(SOCKETIO_CONNECT);
      const bytes = isPolling && data !== undefined ? data.length : 0;
      meter.take(isJoin ? JOIN_MESSAGES : 1, bytes);
      if (type === "message" && data !== undefined) attachments.take(data);
    });
    return () => {
      attachments.close();
      this.#polling.delete(engineId);
    };
  }

  #connect(address: string): Refusal | undefined {
    try {
      this.#instance.admission.connect(address);
      return undefined;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#instance.metrics.refused(error.code);
      return error;
    }
  }
}
