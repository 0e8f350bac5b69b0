/*
 * One page at moments of its past: its bits at the beginning, and what changed since, with times. Goes forward change by
 * change, and back by starting over, as the record only tells what came after. Pure.
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
  /** How many of the record are in the bits. */
  #done = 0;

  /** `record` is in order of time. */
  constructor(start: Uint8Array, record: readonly RecordedChanges[]) {
    this.#start = start;
    this.record = record;
    this.#bits = start.slice();
  }

  /** A copy of the bits at the moment it stands at. */
  get bits(): Uint8Array {
    return this.#bits.slice();
  }

  /** Goes to a moment; `visit` is told of each cell that shows another value then. */
  moveTo(ms: number, visit: (offset: number, value: boolean) => void): void {
    const last = this.record[this.#done - 1];
    if (last && last.ms > ms) this.#startOver(ms, visit);
    else this.#goOn(ms, visit);
  }

  #goOn(ms: number, visit: (offset: number, value: boolean) => void): void {
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
    this.#goOn(ms, () => undefined);
    eachDifference(before, this.#bits, (offset, value) => visit(offset, value === 1));
  }
}
