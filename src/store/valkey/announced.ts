/*
 * Where the servers of a cluster are reached from here. A cluster may announce addresses that lead
 * nowhere, such as those inside of containers. VALKEY_NAT_MAP translates them. Without an entry, the
 * server is looked for at the addresses of VALKEY_URL, and at its own port on their hosts.
 */

import { type Cancel, realClock } from "../../protocol/clock.js";
import { nodeIdAt } from "./inquiry.js";
import type { Servers } from "./servers.js";
import { explain } from "./trouble.js";
import { type Endpoint, formatEndpoint, reachable, type ValkeyAddress } from "./url.js";

export type ClusterAddress = Extract<ValkeyAddress, { kind: "cluster" }>;

/** An address that leads nowhere is tried again after so long. */
const SEEK_EVERY_MS = 10_000;

export interface AnnouncedEvents {
  /** A server was found at another address, so the map of slots has to be read again. */
  found(): void;
  incident(message: string): void;
}

export class Announced {
  readonly #address: ClusterAddress;
  readonly #servers: Servers;
  readonly #events: AnnouncedEvents;
  /** Announced `host:port` -> where the same server was found. */
  readonly #found = new Map<string, Endpoint>();
  /** Attempts by announced `host:port`; those that failed are forgotten after SEEK_EVERY_MS. */
  readonly #attempts = new Map<string, Promise<void>>();
  readonly #reported = new Set<string>();
  readonly #timers = new Set<Cancel>();
  #closed = false;

  constructor(address: ClusterAddress, servers: Servers, events: AnnouncedEvents) {
    this.#address = address;
    this.#servers = servers;
    this.#events = events;
  }

  placeOf(announced: Endpoint): Endpoint {
    return this.#found.get(formatEndpoint(announced)) ?? reachable(this.#address, announced);
  }

  /** Looks for the server with this node id elsewhere if it cannot be reached where it is announced. */
  check(announced: Endpoint, id: string): void {
    const name = formatEndpoint(announced);
    if (!this.#attempts.has(name)) this.#attempts.set(name, this.#reach(announced, id));
  }

  async allChecked(): Promise<void> {
    await Promise.all(this.#attempts.values());
  }

  close(): void {
    this.#closed = true;
    for (const cancel of this.#timers) cancel();
  }

  async #reach(announced: Endpoint, id: string): Promise<void> {
    const name = formatEndpoint(announced);
    const tried = this.placeOf(announced);
    const failure = await this.#servers
      .at(tried)
      .firstUp()
      .then(
        () => undefined,
        (error: unknown) => error,
      );
    if (failure === undefined || this.#closed || explain(failure, this.#address)?.isAnswer) return;
    const found = await this.#seek(announced, id);
    if (this.#closed) return;
    if (found && formatEndpoint(found) !== formatEndpoint(tried)) this.#replace(tried, name, found);
    else this.#missing(announced, name);
  }

  async #seek({ port }: Endpoint, id: string): Promise<Endpoint | undefined> {
    const { seeds } = this.#address;
    const places = [...seeds, ...seeds.map(({ host }) => ({ host, port }))];
    const ids = await Promise.all(places.map((place) => nodeIdAt(this.#address, place)));
    return id === "" ? undefined : places[ids.indexOf(id)];
  }

  #replace(tried: Endpoint, name: string, found: Endpoint): void {
    this.#found.set(name, found);
    this.#servers.drop(tried);
    this.#events.found();
    const here = formatEndpoint(found);
    this.#events.incident(
      `the cluster announces ${name}, which cannot be reached. The same server answers at ${here}, ` +
        `which is used instead. To make this permanent, set VALKEY_NAT_MAP=${name}=${here}`,
    );
  }

  #missing(announced: Endpoint, name: string): void {
    const cancel = realClock.after(SEEK_EVERY_MS, () => {
      this.#timers.delete(cancel);
      this.#attempts.delete(name);
    });
    this.#timers.add(cancel);
    // On a host of the URL the address is right, and its own incident says that the server is down.
    if (this.#address.seeds.some(({ host }) => host === announced.host) || this.#reported.has(name)) return;
    this.#reported.add(name);
    this.#events.incident(
      `the cluster announces ${name}, which cannot be reached, so its pages cannot be written. ` +
        `Set VALKEY_NAT_MAP=${name}=host:port, with the address at which it is reached from here`,
    );
  }
}
