/*
 * One page at moments of its past, from its bits at the start of the record and the changes since.
 * Deltas only lead forward, so moving back means starting over. Pure.
 */

import { eachDifference, getBit, setBit } from "../../../board/bitmap.js";
import { type Changes, changedOffset, changedValue } from "../../../board/delta.js";

export interface RecordedChanges {
  readonly ms: number;
  readonly changes: Changes;
}

export class PageReplay {
  readonly #start: Uint8Array;
  readonly record: readonly RecordedChanges[];
  readonly #bits: Uint8Array;
  /** The number of entries of the record that the bits include. */
  #done = 0;

  /** `record` is sorted by time. */
  constructor(start: Uint8Array, record: readonly RecordedChanges[]) {
    this.#start = start;
    this.record = record;
    this.#bits = start.slice();
  }

  get bits(): Uint8Array {
    return this.#bits.slice();
  }

  /** When the page changes next after `ms`; undefined if the record has nothing later. */
  nextAfter(ms: number): number | undefined {
    let [low, high] = [0, this.record.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.record[middle]?.ms ?? 0) > ms) high = middle;
      else low = middle + 1;
    }
    return this.record[low]?.ms;
  }

  /** `visit` gets each cell whose value differs at that moment. */
  moveTo(ms: number, visit: (offset: number, value: boolean) => void): void {
    const last = this.record[this.#done - 1];
    if (last && last.ms > ms) this.#startOver(ms, visit);
    else this.#moveForward(ms, visit);
  }

  #moveForward(ms: number, visit: (offset: number, value: boolean) => void): void {
    for (let next = this.record[this.#done]; next && next.ms <= ms; next = this.record[this.#done]) {
      for (const change of next.changes) {
        const offset = changedOffset(change);
        if (setBit(this.#bits, offset, changedValue(change))) visit(offset, getBit(this.#bits, offset) === 1);
      }
      this.#done++;
    }
  }

  #startOver(ms: number, visit: (offset: number, value: boolean) => void): void {
    const before = this.bits;
    this.#bits.set(this.#start);
    this.#done = 0;
    this.#moveForward(ms, () => undefined);
    eachDifference(before, this.#bits, (offset, value) => visit(offset, value === 1));
  }
}
