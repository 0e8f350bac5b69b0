/*
 * The connections of one Socket.IO server, below its namespaces: each is admitted or refused once, its backlog is bounded,
 * and when it is over its bytes are let go of soon, whatever the peer does.
 */

import type { IncomingMessage } from "node:http";
import { Refusal } from "../protocol/errors.js";
import { addressKey } from "./address.js";
import { Backlog, type EngineConnection } from "./backlog.js";
import { clientAddress, type Trust } from "./client-address.js";
import type { Instance } from "./instance.js";

/** A connection of Socket.IO's, as far as it matters here. */
export interface Connection extends EngineConnection {
  readonly remoteAddress: string;
  /** The one that began it. */
  readonly request: IncomingMessage;
  readonly readyState: string;
  close(discard?: boolean): void;
}

export interface Admitted {
  readonly backlog: Backlog;
  /** As addressKey gives it. */
  readonly address: string;
  /** Why it may not stay, if so. */
  readonly refusal: Refusal | undefined;
}

/** A refused connection is closed when its client has had this long to join a namespace and hear why. */
const REFUSED_MS_MAX = 2_000;
/** A peer has this long to agree that a WebSocket is closed; `ws` alone would wait 30 s, and hold what was to be sent. */
const CLOSING_MS_MAX = 2_000;

export class Connections {
  readonly #instance: Instance;
  readonly #bufferBytesMax: number;
  readonly #trust: Trust;
  readonly #admitted = new WeakMap<Connection, Admitted>();

  /** `bufferBytesMax` may wait to be sent to each; proxies that `trust` knows are asked for whom they stand. */
  constructor(instance: Instance, bufferBytesMax: number, trust: Trust) {
    this.#trust = trust;
    this.#instance = instance;
    this.#bufferBytesMax = bufferBytesMax;
  }

  /** Admits or refuses it the first time, and tells the outcome ever after. */
  admit(connection: Connection): Admitted {
    const known = this.#admitted.get(connection);
    if (known) return known;
    const address = addressKey(clientAddress(connection.request, this.#trust) ?? connection.remoteAddress);
    const { metrics } = this.#instance;
    const overflow = () => {
      metrics.refused("TOO_SLOW");
      connection.close(true);
    };
    const backlog = new Backlog(connection, this.#bufferBytesMax, overflow, (bytes) => metrics.sent(bytes));
    const admitted = { address, backlog, refusal: this.#connect(address) };
    this.#admitted.set(connection, admitted);
    const over = () => {
      if (!admitted.refusal) this.#instance.admission.disconnect(address);
      endSoon(connection, backlog);
    };
    // Gone while it was being admitted: the event was before.
    if (connection.readyState === "closed") over();
    else connection.once("close", over);
    if (admitted.refusal) setTimeout(() => connection.close(true), REFUSED_MS_MAX).unref();
    return admitted;
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
