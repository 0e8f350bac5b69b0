/*
 * What a board shows: the outbox over the replicas. A cell the user just set has its new value at once; one that the outbox
 * lets go has the store's. Everything here that may change what is shown returns the cells for which it did.
 */

import { setBit } from "../board/bitmap.js";
import type { Delta, Snapshot } from "../board/delta.js";
import { cellAt, offsetOf, pageOf } from "../board/geometry.js";
import type { WriteResult } from "../protocol/events.js";
import type { CellChange } from "./board-events.js";
import type { Dropped } from "./confirmed.js";
import type { Outbox } from "./outbox.js";
import type { WatchedPage, WatchedPages } from "./watched-pages.js";

export class ShownCells {
  readonly #outbox: Outbox;
  readonly #pages: WatchedPages;

  constructor(outbox: Outbox, pages: WatchedPages) {
    this.#outbox = outbox;
    this.#pages = pages;
  }

  /** Whether the cell is checked; undefined where it is not watched or not here yet. */
  get(cell: number): boolean | undefined {
    const shown = this.#outbox.shown(cell);
    if (shown !== undefined) return shown === 1;
    const page = this.#pages.get(pageOf(cell));
    return page?.isLoaded ? page.replica.get(offsetOf(cell)) === 1 : undefined;
  }

  /** A copy of a page's bits as `get` gives them; undefined where it is not watched or not here yet. */
  bitsOf(page: number): Uint8Array | undefined {
    const watched = this.#pages.get(page);
    if (!watched?.isLoaded) return undefined;
    const bits = watched.replica.bits.slice();
    for (const [cell, value] of this.#outbox.shownOn(page)) setBit(bits, offsetOf(cell), value);
    return bits;
  }

  /** The page takes the update; undefined if it does not fit. */
  receive(page: WatchedPage, update: Delta | Snapshot): CellChange[] | undefined {
    const changes: CellChange[] = [];
    const outcome = page.replica.receive(update, (offset, value) => {
      const cell = cellAt(update.page, offset);
      if (page.isLoaded && this.#outbox.shown(cell) === undefined) {
        changes.push({ cell, value: value === 1, mine: false });
      }
    });
    if (outcome === "gap") return undefined;
    // A snapshot may stand for another history, in which no older acknowledgement can be waited for.
    const version = update.kind === "snapshot" ? Number.POSITIVE_INFINITY : page.replica.position.version;
    changes.push(...this.dropped(this.#outbox.reached(update.page, version), false));
    return changes;
  }

  /** The page can be read for the first time. */
  loaded(number: number): CellChange[] {
    const page = this.#pages.get(number);
    if (!page) return [];
    const { replica, untold } = page;
    const changes: CellChange[] = [];
    const tell = (cell: number, value: boolean) => {
      if (this.#outbox.shown(cell) === undefined) changes.push({ cell, value, mine: false });
    };
    for (let offset = 0; offset < replica.cells; offset++) if (replica.get(offset)) tell(cellAt(number, offset), true);
    for (const cell of untold) if (!replica.get(offsetOf(cell))) tell(cell, false);
    untold.clear();
    return changes;
  }

  /** Changes whose delta has been here already, or that are on no watched page, need to be shown by nobody else. */
  acknowledged(at: WriteResult["at"]): CellChange[] {
    return at.flatMap(([number]) => {
      const version = this.#pages.get(number)?.replica.position.version ?? Number.POSITIVE_INFINITY;
      return this.dropped(this.#outbox.reached(number, version), false);
    });
  }

  /** These pages were followed for another second: what they have not reached by now may never come. */
  waited(pages: readonly number[]): CellChange[] {
    return pages.flatMap((page) => this.dropped(this.#outbox.waited(page), false));
  }

  /** Of cells that the outbox no longer shows, those that the replica shows otherwise. */
  dropped(dropped: readonly Dropped[], mine: boolean): CellChange[] {
    return dropped.flatMap(({ cell, value }) => {
      const now = this.get(cell);
      if (now === undefined) this.#pages.get(pageOf(cell))?.untold.add(cell);
      return now !== undefined && now !== (value === 1) ? [{ cell, value: now, mine }] : [];
    });
  }
}
