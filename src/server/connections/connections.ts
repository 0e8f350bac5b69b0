/*
 * The connections of one Socket.IO server, below its namespaces: each is admitted or refused once, what comes in and what
 * waits to go out is bounded, whatever layer it belongs to, and once it has ended its bytes are let go of soon, whatever
 * the peer does.
 */

import type { IncomingMessage } from "node:http";
import { type ErrorBody, Refusal } from "../../protocol/errors.js";
import type { Instance } from "../instance/instance.js";
import { addressKey } from "../limits/address.js";
import type { Allowance } from "../limits/allowance.js";
import { clientAddress, type Trust } from "../limits/client-address.js";
import { type InflowLimits, Meter } from "../limits/meter.js";
import { Attachments } from "./attachments.js";
import { Backlog, type EngineConnection } from "./backlog.js";
import { WebSockets } from "./websockets.js";

/** A connection of Socket.IO's, as far as it matters here. */
export interface Connection extends EngineConnection {
  readonly transport: EngineConnection["transport"] & { readonly sid: string };
  readonly remoteAddress: string;
  /** The one that began it. */
  readonly request: IncomingMessage;
  readonly readyState: string;
  close(discard?: boolean): void;
}

export interface AdmittedConnection {
  readonly backlog: Backlog;
  readonly allowance: Allowance;
  /** Namespaces of ours that it is in -> ends the connection, when its client has had the time to read why. */
  readonly joined: Map<string, (error: ErrorBody) => void>;
  /** Why it may not stay, if so. */
  readonly refusal: Refusal | undefined;
}

export interface ConnectionLimits {
  /** May wait to be sent to each. */
  readonly bufferBytesMax: number;
  /** The largest message taken. */
  readonly messageBytesMax: number;
  /** What may come in on each. */
  readonly inflow: InflowLimits;
}

/** A refused connection is closed when its client has had this long to join a namespace and hear why. */
const REFUSED_MS_MAX = 2_000;
/** Of one address, refused connections that wait for that; more are refused before they are made. */
const REFUSED_MAX = 1_000;
/** A peer has this long to agree that a WebSocket is closed; `ws` alone would wait 30 s, and hold what was to be sent. */
const CLOSING_MS_MAX = 2_000;
/** What a packet that joins a namespace costs, in messages: it makes a socket, and may ask the app who comes. */
const JOIN_MESSAGES = 10;
const SOCKETIO_CONNECT = "0";

interface Packet {
  readonly type: string;
  readonly data?: string | Buffer;
}

export class Connections {
  readonly #instance: Instance;
  readonly #limits: ConnectionLimits;
  readonly #trust: Trust;
  readonly #webSockets: WebSockets;
  readonly #admitted = new WeakMap<Connection, AdmittedConnection>();
  /** Address -> connections that are refused and not closed yet. */
  readonly #refused = new Map<string, number>();
  /** Engine.IO's session id -> the meter of one that polls. */
  readonly #polling = new Map<string, Meter>();

  /** Proxies that `trust` knows are asked for whom they stand. `ws` is that of the Engine.IO server. */
  constructor(instance: Instance, limits: ConnectionLimits, trust: Trust, ws: unknown) {
    this.#trust = trust;
    this.#instance = instance;
    this.#limits = limits;
    this.#webSockets = new WebSockets(ws, limits, instance.clock);
  }

  addressOf(request: IncomingMessage): string {
    return addressKey(clientAddress(request, this.#trust));
  }

  /** Why no connection should even be made for the one who asks, if so. */
  refusalFor(request: IncomingMessage): Refusal | undefined {
    const isSwamped = (this.#refused.get(this.addressOf(request)) ?? 0) >= REFUSED_MAX;
    return isSwamped ? new Refusal("TOO_MANY_CONNECTIONS", { retryAfterMs: REFUSED_MS_MAX }) : undefined;
  }

  /** Milliseconds until a request that carries this session id should be read. */
  waitMs(sessionId: string): number {
    return this.#polling.get(sessionId)?.waitMs ?? 0;
  }

  /** Admits or refuses it the first time, and gives the outcome ever after. */
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
      endSoon(connection, backlog);
    };
    // Gone while it was being admitted: the event was before.
    if (connection.readyState === "closed") over();
    else connection.once("close", over);
    if (admitted.refusal) this.#closeRefused(connection, address);
    return admitted;
  }

  #closeRefused(connection: Connection, address: string): void {
    this.#refused.set(address, (this.#refused.get(address) ?? 0) + 1);
    setTimeout(() => {
      const left = (this.#refused.get(address) ?? 0) - 1;
      if (left > 0) this.#refused.set(address, left);
      else this.#refused.delete(address);
      connection.close(true);
    }, REFUSED_MS_MAX).unref();
  }

  /** Charges all that comes in on the connection to its meter; returns what to call when it has ended. */
  #meter(connection: Connection, { allowance, joined }: AdmittedConnection): () => void {
    const { admission, clock, metrics } = this.#instance;
    let isFlooded = false;
    const end = () => {
      if (isFlooded) return;
      isFlooded = true;
      metrics.refused("TOO_MANY_ERRORS");
      admission.offended(allowance.address);
      // What has been read of the flood goes no further.
      connection.transport.removeAllListeners("packet");
      for (const goodbye of joined.values()) goodbye(new Refusal("TOO_MANY_ERRORS").toBody());
      if (joined.size === 0) connection.close(true);
    };
    // Requests of a session that polls are held back instead: see `waitMs`.
    let meter = new Meter(this.#limits.inflow, clock, {
      pause: () => undefined,
      resume: () => undefined,
      end,
    });
    const adopt = (socket: unknown): boolean => {
      const metered = this.#webSockets.of(socket);
      if (!metered) return false;
      meter = metered.meter;
      metered.end = end;
      metered.tcp.on("data", (chunk: Buffer) => metered.meter.take(0, chunk.length));
      return true;
    };
    const { sid: sessionId } = connection.transport;
    let isPolling = false;
    if (!adopt(connection.transport.socket)) {
      isPolling = true;
      this.#polling.set(sessionId, meter);
      connection.on("upgrade", ({ socket }: { socket?: unknown }) => {
        if (adopt(socket)) this.#polling.delete(sessionId);
      });
      connection.on("upgrading", () => meter.take(1, 0));
    }
    const attachments = new Attachments(this.#limits.messageBytesMax, () => connection.close(true));
    connection.on("packet", ({ type, data }: Packet) => {
      const isJoin = typeof data === "string" && data.startsWith(SOCKETIO_CONNECT);
      const bytes = isPolling && data !== undefined ? data.length : 0;
      meter.take(isJoin ? JOIN_MESSAGES : 1, bytes);
      if (type === "message" && data !== undefined) attachments.take(data);
    });
    return () => {
      attachments.close();
      this.#polling.delete(sessionId);
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

function endSoon({ transport }: Connection, backlog: Backlog): void {
  setTimeout(() => {
    backlog.abandon();
    if ("socket" in transport && isTerminable(transport.socket)) transport.socket.terminate();
  }, CLOSING_MS_MAX).unref();
}

function isTerminable(socket: unknown): socket is { terminate(): void } {
  return typeof socket === "object" && socket !== null && "terminate" in socket;
}
