/* The cells that any watch covers: of these, a board reports the changes. */

import type { CellRange } from "../api/board.js";

export class WatchedRanges {
  readonly #ranges = new Set<CellRange>();
  /** The same cells in ranges that lie apart, ascending. Undefined after a change. */
  #apart: CellRange[] | undefined;

  /** Each range is its own, even if another has the same cells. */
  add(range: CellRange): void {
    this.#ranges.add(range);
    this.#apart = undefined;
  }

  delete(range: CellRange): void {
    this.#ranges.delete(range);
    this.#apart = undefined;
  }

  has(cell: number): boolean {
    const ranges = this.#merged();
    let [low, high] = [0, ranges.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((ranges[middle]?.end ?? 0) > cell) high = middle;
      else low = middle + 1;
    }
    return (ranges[low]?.start ?? Number.POSITIVE_INFINITY) <= cell;
  }

  /** The parts of a range that no watch covers, ascending. */
  missing({ start, end }: CellRange): CellRange[] {
    const missing: CellRange[] = [];
    let from = start;
    for (const range of this.#merged()) {
      if (range.end <= from) continue;
      if (range.start >= end) break;
      if (range.start > from) missing.push({ start: from, end: range.start });
      from = range.end;
    }
    if (from < end) missing.push({ start: from, end });
    return missing;
  }

  #merged(): CellRange[] {
    if (this.#apart) return this.#apart;
    const apart: { start: number; end: number }[] = [];
    for (const { start, end } of [...this.#ranges].sort((one, other) => one.start - other.start)) {
      const last = apart.at(-1);
      if (last && start <= last.end) last.end = Math.max(last.end, end);
      else apart.push({ start, end });
    }
    this.#apart = apart;
    return apart;
  }
}
