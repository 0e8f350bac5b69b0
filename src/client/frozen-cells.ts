/*
 * What is frozen of the pages that are watched, as the instance told. It tells of a page only where something is frozen, or
 * ceases to be; so a page that was joined anew without a word of it has nothing frozen that the instance knows of, whatever
 * was known before. An instance that watches the page for the first time asks its store, and tells a moment later.
 */

import { pageOf } from "../board/geometry.js";
import type { Frozen } from "../protocol/events.js";
import type { CellRange } from "./board-events.js";

export class FrozenCells {
  readonly #pages = new Map<number, readonly CellRange[]>();
  /** Known from before the page was asked for on this connection. */
  readonly #doubted = new Set<number>();

  has(cell: number): boolean {
    return this.of(pageOf(cell)).some(({ start, end }) => cell >= start && cell < end);
  }

  of(page: number): readonly CellRange[] {
    return this.#pages.get(page) ?? [];
  }

  /** The page is about to be told of. */
  asked(page: number): void {
    if (this.#pages.has(page)) this.#doubted.add(page);
  }

  /** True if something else is frozen than before. */
  receive({ page, cells }: Frozen): boolean {
    const before = JSON.stringify(this.of(page));
    this.#doubted.delete(page);
    const ranges = cells.map(([start, end]) => ({ start, end }));
    if (ranges.length > 0) this.#pages.set(page, ranges);
    else this.#pages.delete(page);
    return JSON.stringify(ranges) !== before;
  }

  /** Everything there is to say of the page has been said. True if something else is frozen than before. */
  joined(page: number): boolean {
    return this.#doubted.delete(page) && this.#pages.delete(page);
  }

  forget(page: number): void {
    this.#doubted.delete(page);
    this.#pages.delete(page);
  }
}
