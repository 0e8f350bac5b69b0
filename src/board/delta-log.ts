/*
 * The last deltas of one page, in order and bounded. With them, the owner of a replica brings others
 * from an older position to the present without asking the store.
 */

import type { Delta } from "./delta.js";
import { type Position, samePosition } from "./position.js";

interface Limits {
  readonly deltasMax: number;
  /** Changes in all deltas together. Beyond a page's worth, a snapshot is smaller. */
  readonly changesMax: number;
}

export class DeltaLog {
  readonly #limits: Limits;
  #deltas: Delta[] = [];
  #first = 0;
  #changes = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Adds a delta. One that does not follow the last empties the log first. */
  push(delta: Delta): void {
    const last = this.#deltas.at(-1);
    if (last && !samePosition(last.to, delta.from)) this.clear();
    this.#deltas.push(delta);
    this.#changes += delta.changes.length;
    while (this.length > this.#limits.deltasMax || this.#changes > this.#limits.changesMax) this.#dropOldest();
  }

  /** The deltas that lead from `position` to the newest, or undefined if the log does not hold that position. */
  since(position: Position): readonly Delta[] | undefined {
    const deltas = this.#deltas;
    const last = deltas.at(-1);
    if (last && samePosition(last.to, position)) return [];
    // Versions grow along the log. The only candidate is the first delta from this version or later.
    let low = this.#first;
    let high = deltas.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((deltas[middle]?.from.version ?? 0) < position.version) low = middle + 1;
      else high = middle;
    }
    const found = deltas[low];
    return found && samePosition(found.from, position) ? deltas.slice(low) : undefined;
  }

  /** Whether the log knows the tag of this version. With another tag it is of another history. */
  covers(version: number): boolean {
    const first = this.#deltas[this.#first];
    const last = this.#deltas.at(-1);
    return first !== undefined && last !== undefined && version >= first.from.version && version <= last.to.version;
  }

  get length(): number {
    return this.#deltas.length - this.#first;
  }

  clear(): void {
    this.#deltas = [];
    this.#first = 0;
    this.#changes = 0;
  }

  #dropOldest(): void {
    const oldest = this.#deltas[this.#first];
    if (!oldest) return;
    this.#changes -= oldest.changes.length;
    this.#first++;
    // Compacting rarely keeps dropping O(1) on average.
    if (this.#first > 64 && this.#first * 2 > this.#deltas.length) {
      this.#deltas = this.#deltas.slice(this.#first);
      this.#first = 0;
    }
  }
}
