/*
 * Which server of a Valkey Cluster owns which of its 16,384 slots: as CLUSTER SLOTS tells it, corrected by what a server
 * that was asked in vain says (MOVED). Pure; who asks whom, and when, is cluster-link.ts.
 */

import keySlot from "cluster-key-slot";
import { type Endpoint, formatEndpoint, knownHost } from "./url.js";

const SLOTS = 16_384;
export const ALL_SLOTS = { first: 0, last: SLOTS - 1 };

/** The slot of a key or a channel: CRC16 of its hash tag. */
export function slotOf(key: string): number {
  return keySlot(key);
}

export class SlotMap {
  readonly #owners: (string | undefined)[] = new Array(SLOTS).fill(undefined);

  /** `host:port` of the slot's primary, or undefined if nobody owns the slot as far as is known. */
  owner(slot: number): string | undefined {
    return this.#owners[slot];
  }

  /** The slot's owner changed, as a server told that had it, or was asked for it. */
  move(slot: number, to: Endpoint): void {
    if (slot >= 0 && slot < SLOTS) this.#owners[slot] = formatEndpoint(to);
  }

  /** Takes over a whole map. A slot that nobody owns keeps its last owner: asking there tells more than not asking. */
  adopt(ranges: readonly Omit<SlotRange, "id">[]): void {
    for (const { first, last, primary } of ranges) {
      this.#owners.fill(formatEndpoint(primary), Math.max(0, first), Math.min(SLOTS, last + 1));
    }
  }

  /** Every server that owns a slot. */
  get primaries(): ReadonlySet<string> {
    return new Set(this.#owners.filter((owner) => owner !== undefined));
  }
}

export interface SlotRange {
  readonly first: number;
  readonly last: number;
  /** As it is announced. */
  readonly primary: Endpoint;
  /** What the primary calls itself. */
  readonly id: string;
}

/** The reply of CLUSTER SLOTS. A server may not know its own host: then it is the one that was asked, `asked`. */
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
