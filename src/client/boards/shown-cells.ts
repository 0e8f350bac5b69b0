/*
 * The cells that a board shows: the outbox over the replicas. A changed cell shows its new value
 * immediately. When the outbox drops the change, the cell shows the store's value. Methods return
 * the cells whose shown value has changed.
 */

import { type Bit, countBetween, eachDifference, setBit } from "../../board/bitmap.js";
import type { Delta, Snapshot } from "../../board/delta.js";
import { cellAt, offsetOf, PAGE_CELLS, pageOf, pagesBetween } from "../../board/geometry.js";
import type { WriteResult } from "../../protocol/events.js";
import type { CellChange, CellRange } from "../api/board.js";
import type { Dropped } from "../outbox/confirmed.js";
import type { Outbox } from "../outbox/outbox.js";
import type { WatchedPage, WatchedPages } from "../watching/watched-pages.js";

export class ShownCells {
  readonly #outbox: Outbox;
  readonly #pages: WatchedPages;

  constructor(outbox: Outbox, pages: WatchedPages) {
    this.#outbox = outbox;
    this.#pages = pages;
  }

  get(cell: number): boolean | undefined {
    const shown = this.#outbox.shown(cell);
    if (shown !== undefined) return shown === 1;
    const page = this.#pages.get(pageOf(cell));
    return page?.isLoaded ? page.replica.get(offsetOf(cell)) === 1 : undefined;
  }

  bitsOf(page: number): Uint8Array | undefined {
    const watched = this.#pages.get(page);
    if (!watched?.isLoaded) return undefined;
    const bits = watched.replica.bits.slice();
    for (const [cell, value] of this.#outbox.shownOn(page)) setBit(bits, offsetOf(cell), value);
    return bits;
  }

  /** Number of cells that are shown as checked; undefined if some of them are not loaded. */
  count(start: number, end: number): number | undefined {
    let count = 0;
    for (const page of pagesBetween(start, end)) {
      const bits = this.bitsOf(page);
      if (!bits) return undefined;
      const first = cellAt(page, 0);
      count += countBetween(bits, Math.max(0, start - first), Math.min(PAGE_CELLS, end - first));
    }
    return count;
  }

  /** The checked cells of a range on pages that are loaded, as if they had just been. */
  checkedIn({ start, end }: CellRange): CellChange[] {
    const changes: CellChange[] = [];
    for (const page of pagesBetween(start, end)) {
      const watched = this.#pages.get(page);
      if (!watched?.isLoaded) continue;
      const first = cellAt(page, 0);
      const last = Math.min(end, first + watched.replica.cells);
      for (let cell = Math.max(start, first); cell < last; cell++)
        if (this.get(cell)) changes.push({ cell, value: true, mine: false });
    }
    return changes;
  }

  /** Updates the page; undefined if the update does not fit. */
  receive(page: WatchedPage, update: Delta | Snapshot): CellChange[] | undefined {
    const changes: CellChange[] = [];
    const report = (offset: number, value: Bit) => {
      const cell = cellAt(update.page, offset);
      if (this.#outbox.shown(cell) === undefined) changes.push({ cell, value: value === 1, mine: false });
    };
    const outcome = page.replica.receive(update, page.isLoaded ? report : undefined);
    if (outcome === "gap") return undefined;
    // A snapshot may belong to another history, which never reaches an older acknowledgement.
    const version = update.kind === "snapshot" ? Number.POSITIVE_INFINITY : page.replica.position.version;
    changes.push(...this.dropped(this.#outbox.reached(update.page, version), false));
    return changes;
  }

  /** The page can be read for the first time. */
  loaded(number: number): CellChange[] {
    const page = this.#pages.get(number);
    if (!page) return [];
    const { replica, unreported } = page;
    const changes: CellChange[] = [];
    const report = (cell: number, value: boolean) => {
      if (this.#outbox.shown(cell) === undefined) changes.push({ cell, value, mine: false });
    };
    const first = cellAt(number, 0);
    const found = (offset: number) => this.#pages.initial.has(first + offset) && report(first + offset, true);
    eachDifference(new Uint8Array(replica.bits.length), replica.bits, found);
    for (const cell of unreported) {
      const isChecked = replica.get(offsetOf(cell)) === 1;
      if (!isChecked || !this.#pages.initial.has(cell)) report(cell, isChecked);
    }
    unreported.clear();
    return changes;
  }

  /** Drops changes that the replica already has, or whose page is not watched. */
  acknowledged(at: WriteResult["at"]): CellChange[] {
    return at.flatMap(([number]) => {
      const version = this.#pages.get(number)?.replica.position.version ?? Number.POSITIVE_INFINITY;
      return this.dropped(this.#outbox.reached(number, version), false);
    });
  }

  /** Call once a second with the pages followed since the last call. */
  waited(pages: readonly number[]): CellChange[] {
    return pages.flatMap((page) => this.dropped(this.#outbox.waited(page), false));
  }

  /** Of the cells that the outbox dropped, those whose replica has another value. */
  dropped(dropped: readonly Dropped[], mine: boolean): CellChange[] {
    return dropped.flatMap(({ cell, value }) => {
      const now = this.get(cell);
      if (now === undefined) this.#pages.get(pageOf(cell))?.unreported.add(cell);
      return now !== undefined && now !== (value === 1) ? [{ cell, value: now, mine }] : [];
    });
  }
}
