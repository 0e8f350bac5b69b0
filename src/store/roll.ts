/*
 * The roll of instances: each says every now and then that it is there, and how it is, and hears of all others in the
 * same step. Who says nothing for GONE_MS is off it. Only a report for people: nothing is decided by it.
 */

import type { Store } from "./store.js";

export interface Announced {
  readonly id: string;
  /** What it said, as it said it. */
  readonly record: string;
  /** Since it was heard. */
  readonly ageMs: number;
}

export interface Roll {
  /** Notes what the instance `id` says of itself, or, with an empty record, that it goes; gives all that are there. */
  enroll(id: string, record: string): Promise<Announced[]>;
}

export const GONE_MS = 7_000;
/** Those heard least recently go first. */
export const INSTANCES_MAX = 1_000;

export function hasRoll(store: Store): store is Store & Roll {
  return "enroll" in store;
}

/** The roll of one process. */
export class LocalRoll implements Roll {
  readonly #now: () => number;
  readonly #records = new Map<string, { record: string; heardMs: number }>();

  constructor(now: () => number) {
    this.#now = now;
  }

  async enroll(id: string, record: string): Promise<Announced[]> {
    const now = this.#now();
    this.#records.delete(id);
    if (record !== "") this.#records.set(id, { record, heardMs: now });
    for (const [each, { heardMs }] of this.#records) {
      if (now - heardMs >= GONE_MS || this.#records.size > INSTANCES_MAX) this.#records.delete(each);
    }
    return Array.from(this.#records, ([each, said]) => ({ id: each, record: said.record, ageMs: now - said.heardMs }));
  }
}
