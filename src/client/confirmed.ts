/*
 * Changes that are committed and not yet in the replica: the acknowledgement may come before the delta. Until it is there,
 * they are shown over the replica, else a cell would flicker back for a moment.
 *
 * The delta may never come: a primary that fails takes the commit with it, and its successor uses the version again, or
 * never gets there. So a change is let go, too, when its page was followed for a while and still has not reached it. Seconds
 * in which the instance was not heard do not count: the delta may be on its way.
 */

import type { Bit } from "../board/bitmap.js";
import { pageOf } from "../board/geometry.js";

/** A cell that is no longer shown over the replica, with what it showed. */
export interface Dropped {
  readonly cell: number;
  readonly value: Bit;
}

interface Change {
  readonly value: Bit;
  /** Of the page: has the change. */
  readonly version: number;
  /** How often `waited` was said of it. */
  waits: number;
}

/** So often may it be said that the page was waited for. */
const WAITS_MAX = 5;

export class Confirmed {
  /** page -> cell -> the change. */
  readonly #pages = new Map<number, Map<number, Change>>();

  get(cell: number): Bit | undefined {
    return this.#pages.get(pageOf(cell))?.get(cell)?.value;
  }

  /** All of a page. */
  *on(page: number): Iterable<readonly [cell: number, value: Bit]> {
    for (const [cell, { value }] of this.#pages.get(page) ?? []) yield [cell, value];
  }

  add(cell: number, value: Bit, version: number): void {
    const page = pageOf(cell);
    const cells = this.#pages.get(page) ?? new Map<number, Change>();
    this.#pages.set(page, cells);
    cells.set(cell, { value, version, waits: 0 });
  }

  has(page: number): boolean {
    return this.#pages.has(page);
  }

  /** The replica of `page` is at `version`. */
  reached(page: number, version: number): Dropped[] {
    return this.#release(page, (change) => change.version <= version);
  }

  /** `page` was followed for another second. */
  waited(page: number): Dropped[] {
    return this.#release(page, (change) => ++change.waits > WAITS_MAX);
  }

  /** No page is followed: the waiting begins anew. */
  disconnected(): void {
    for (const cells of this.#pages.values()) for (const change of cells.values()) change.waits = 0;
  }

  #release(page: number, isOver: (change: Change) => boolean): Dropped[] {
    const cells = this.#pages.get(page);
    if (!cells) return [];
    const dropped: Dropped[] = [];
    for (const [cell, change] of cells) {
      if (!isOver(change)) continue;
      cells.delete(cell);
      dropped.push({ cell, value: change.value });
    }
    if (cells.size === 0) this.#pages.delete(page);
    return dropped;
  }
}
