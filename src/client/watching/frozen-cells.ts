/*
 * The frozen cells of the watched pages, as the instance reported them. It reports a page only if
 * the page has frozen cells, or has just lost them. So if a page is joined again without a report,
 * earlier reports are out of date. An instance that does not follow the page yet reports it later.
 */

import { pageOf } from "../../board/geometry.js";
import type { Frozen } from "../../protocol/events.js";
import type { CellRange } from "../api/board.js";

export class FrozenCells {
  readonly #pages = new Map<number, readonly CellRange[]>();
  /** Pages that were last reported before they were asked for on this connection. */
  readonly #doubted = new Set<number>();

  has(cell: number): boolean {
    return this.of(pageOf(cell)).some(({ start, end }) => cell >= start && cell < end);
  }

  of(page: number): readonly CellRange[] {
    return this.#pages.get(page) ?? [];
  }

  asked(page: number): void {
    if (this.#pages.has(page)) this.#doubted.add(page);
  }

  /** True if the frozen cells have changed. */
  receive({ page, cells }: Frozen): boolean {
    const before = JSON.stringify(this.of(page));
    const ranges = cells.map(([start, end]) => ({ start, end }));
    this.forget(page);
    if (ranges.length > 0) this.#pages.set(page, ranges);
    return JSON.stringify(ranges) !== before;
  }

  /** No report of the page is on its way. True if the frozen cells have changed. */
  joined(page: number): boolean {
    return this.#doubted.delete(page) && this.#pages.delete(page);
  }

  forget(page: number): void {
    this.#doubted.delete(page);
    this.#pages.delete(page);
  }
}
