/*
 * Finds the addresses at which a cluster's servers can be reached from here. A cluster may announce
 * unreachable addresses, such as those inside containers. VALKEY_NAT_MAP translates them. Without
 * an entry, a server is looked for at the addresses in VALKEY_URL, and at its own port on their
 * hosts.
 */

import { type Endpoint, formatEndpoint, reachable, type ValkeyAddress } from "../address/url.js";
import { nodeIdAt } from "../trouble/inquiry.js";
import { explain } from "../trouble/trouble.js";
import type { Servers } from "./servers.js";

export type ClusterAddress = Extract<ValkeyAddress, { kind: "cluster" }>;

/** An unreachable address is tried again after this long. */
const SEEK_EVERY_MS = 10_000;

interface AnnouncedEvents {
  /** A server was found at another address, so the slot map must be read again. */
  found(): void;
  incident(message: string): void;
}

interface Attempt {
  readonly done: Promise<void>;
  /** When to try again; never if the server was reached. */
  againMs: number;
}

export class Announced {
  readonly #address: ClusterAddress;
  readonly #servers: Servers;
  readonly #events: AnnouncedEvents;
  /** Announced `host:port` -> address at which the same server was found. */
  readonly #found = new Map<string, Endpoint>();
  /** Announced `host:port` -> the search for that server. */
  readonly #attempts = new Map<string, Attempt>();
  #closed = false;

  constructor(address: ClusterAddress, servers: Servers, events: AnnouncedEvents) {
    this.#address = address;
    this.#servers = servers;
    this.#events = events;
  }

  placeOf(announced: Endpoint): Endpoint {
    return this.#found.get(formatEndpoint(announced)) ?? reachable(this.#address, announced);
  }

  /** If the announced address is unreachable, looks elsewhere for the server with this node id. */
  check(announced: Endpoint, id: string): void {
    const name = formatEndpoint(announced);
    const last = this.#attempts.get(name);
    if (last && performance.now() < last.againMs) return;
    const done = this.#reach(announced, id).then((isReached) => {
      if (isReached || this.#closed) return;
      attempt.againMs = performance.now() + SEEK_EVERY_MS;
      // A host in VALKEY_URL is right, and the loss of its server is reported already.
      if (last || this.#address.seeds.some(({ host }) => host === announced.host)) return;
      this.#events.incident(
        `the cluster announces ${name}, which cannot be reached, so the pages there cannot be written. ` +
          `Set VALKEY_NAT_MAP=${name}=host:port, with the address that reaches it from here`,
      );
    });
    const attempt: Attempt = { done, againMs: Number.POSITIVE_INFINITY };
    this.#attempts.set(name, attempt);
  }

  async allChecked(): Promise<void> {
    await Promise.all(Array.from(this.#attempts.values(), ({ done }) => done));
  }

  close(): void {
    this.#closed = true;
  }

  async #reach(announced: Endpoint, id: string): Promise<boolean> {
    const tried = this.placeOf(announced);
    try {
      await this.#servers.at(tried).firstUp();
      return true;
    } catch (error) {
      if (this.#closed || explain(error, this.#address)?.isAnswer) return true;
    }
    const found = await this.#seek(announced, id);
    if (this.#closed || !found || formatEndpoint(found) === formatEndpoint(tried)) return false;
    const [name, here] = [formatEndpoint(announced), formatEndpoint(found)];
    this.#found.set(name, found);
    this.#servers.drop(tried);
    this.#events.found();
    this.#events.incident(
      `the cluster announces ${name}, which cannot be reached. The same server answers at ${here}, ` +
        `which is used instead. To make this permanent, set VALKEY_NAT_MAP=${name}=${here}`,
    );
    return true;
  }

  async #seek({ port }: Endpoint, id: string): Promise<Endpoint | undefined> {
    const { seeds } = this.#address;
    const places = [...seeds, ...seeds.map(({ host }) => ({ host, port }))];
    const ids = await Promise.all(places.map((place) => nodeIdAt(this.#address, place)));
    return id === "" ? undefined : places[ids.indexOf(id)];
  }
}
