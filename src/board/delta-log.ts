/*
 * The last deltas of one page, in order and bounded. With them, the owner of a replica brings
 * others from an older position up to date without asking the store.
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
  /** Where the newest delta led, even if it was too large to keep. */
  #end: Position | undefined;
  #changes = 0;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** Adds a delta. One that does not follow the last empties the log first. */
  push(delta: Delta): void {
    if (this.#end && !samePosition(this.#end, delta.from)) this.clear();
    this.#end = delta.to;
    this.#deltas.push(delta);
    this.#changes += delta.changes.length;
    while (this.length > this.#limits.deltasMax || this.#changes > this.#limits.changesMax) {
      this.#changes -= this.#deltas.shift()?.changes.length ?? 0;
    }
  }

  /** The deltas from `position` to the newest; undefined if the log does not hold that position. */
  since(position: Position): readonly Delta[] | undefined {
    if (this.#end && samePosition(this.#end, position)) return [];
    if (!this.covers(position.version)) return undefined;
    // Versions grow along the log. From the end, the search costs no more than the later merge.
    const found = this.#deltas.findLastIndex(({ from }) => from.version <= position.version);
    const first = this.#deltas[found];
    return first && samePosition(first.from, position) ? this.#deltas.slice(found) : undefined;
  }

  /** Whether the log knows the tag of this version. Another tag belongs to another history. */
  covers(version: number): boolean {
    const [first] = this.#deltas;
    return (
      first !== undefined && this.#end !== undefined && version >= first.from.version && version <= this.#end.version
    );
  }

  get length(): number {
    return this.#deltas.length;
  }

  clear(): void {
    this.#deltas = [];
    this.#end = undefined;
    this.#changes = 0;
  }
}
