/*
 * The owner of each of the 16,384 slots of a Valkey Cluster, as CLUSTER SLOTS reports it and MOVED
 * corrects it. Pure; slot-refresh.ts decides when it is read.
 */

import keySlot from "cluster-key-slot";
import { type Endpoint, formatEndpoint, knownHost } from "../address/url.js";

const SLOTS = 16_384;
export const ALL_SLOTS = { first: 0, last: SLOTS - 1 };

/** The slot of a key or channel, which is the CRC16 of its hash tag, modulo 16,384. */
export function slotOf(key: string): number {
  return keySlot(key);
}

export class SlotMap {
  readonly #owners: (string | undefined)[] = new Array(SLOTS).fill(undefined);

  /** `host:port` of the slot's primary; undefined if no owner is known. */
  owner(slot: number): string | undefined {
    return this.#owners[slot];
  }

  /** Records the new owner of one slot. */
  move(slot: number, to: Endpoint): void {
    if (slot >= 0 && slot < SLOTS) this.#owners[slot] = formatEndpoint(to);
  }

  /** Replaces the map. A slot without an owner keeps its last owner, which may know the new one. */
  adopt(ranges: readonly Omit<SlotRange, "id">[]): void {
    for (const { first, last, primary } of ranges) {
      this.#owners.fill(formatEndpoint(primary), Math.max(0, first), Math.min(SLOTS, last + 1));
    }
  }

  /** The `host:port` of every server that owns a slot. */
  get primaries(): ReadonlySet<string> {
    return new Set(this.#owners.filter((owner) => owner !== undefined));
  }
}

export interface SlotRange {
  readonly first: number;
  readonly last: number;
  /** The address as the cluster announces it. */
  readonly primary: Endpoint;
  /** The primary's node id. */
  readonly id: string;
}

/** Parses the reply to CLUSTER SLOTS from `asked`, a server that may not know its own host. */
export function readClusterSlots(reply: unknown, asked: Endpoint): SlotRange[] {
  if (!Array.isArray(reply)) throw new Error("CLUSTER SLOTS answered something other than a list");
  return reply.map((range: unknown) => {
    const [first, last, primary] = Array.isArray(range) ? range : [];
    const [host, port, id] = Array.isArray(primary) ? primary : [];
    return {
      first: Number(first),
      last: Number(last),
      primary: { host: knownHost(String(host ?? ""), asked), port: Number(port) || asked.port },
      id: String(id ?? ""),
    };
  });
}
