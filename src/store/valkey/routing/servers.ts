/* The servers of one Valkey deployment, each connected once, and the slots that each owns. */

import { type Endpoint, formatEndpoint } from "../address/url.js";
import type { ValkeyServer } from "../server/server.js";
import { SlotMap, type SlotRange } from "./slot-map.js";

/** How long a server without slots is kept. During a migration, a slot may move back to it. */
const IDLE_MS_MAX = 30_000;

export class Servers {
  readonly #connect: (endpoint: Endpoint) => ValkeyServer;
  readonly slots = new SlotMap();
  /** `host:port` -> server. */
  readonly #servers = new Map<string, ValkeyServer>();
  /** `host:port` -> when the server lost its last slot. */
  readonly #idleSinceMs = new Map<string, number>();

  constructor(connect: (endpoint: Endpoint) => ValkeyServer) {
    this.#connect = connect;
  }

  get all(): ValkeyServer[] {
    return [...this.#servers.values()];
  }

  get owners(): ValkeyServer[] {
    return Array.from(this.slots.primaries, (name) => this.#servers.get(name)).filter((server) => !!server);
  }

  ownerOf(slot: number): ValkeyServer | undefined {
    return this.#servers.get(this.slots.owner(slot) ?? "");
  }

  /** The server at that address, connected in the background if it is new. */
  at(endpoint: Endpoint): ValkeyServer {
    const name = formatEndpoint(endpoint);
    const server = this.#servers.get(name) ?? this.#connect(endpoint);
    this.#servers.set(name, server);
    return server;
  }

  adopt(ranges: readonly Omit<SlotRange, "id">[]): void {
    this.slots.adopt(ranges);
    for (const { primary } of ranges) this.at(primary);
  }

  drop(endpoint: Endpoint): void {
    const name = formatEndpoint(endpoint);
    this.#servers.get(name)?.close();
    this.#servers.delete(name);
    this.#idleSinceMs.delete(name);
  }

  dropIdle(): void {
    const owners = this.slots.primaries;
    const now = performance.now();
    for (const [name, { endpoint }] of this.#servers) {
      if (owners.has(name)) {
        this.#idleSinceMs.delete(name);
        continue;
      }
      const sinceMs = this.#idleSinceMs.get(name) ?? now;
      this.#idleSinceMs.set(name, sinceMs);
      if (now - sinceMs > IDLE_MS_MAX) this.drop(endpoint);
    }
  }

  close(): void {
    for (const server of this.#servers.values()) server.close();
  }
}
