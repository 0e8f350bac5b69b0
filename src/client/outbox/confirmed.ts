/*
 * Confirmed changes are committed but not yet in the replica, because an acknowledgement may arrive
 * before its delta. Until then they are shown over the replica. Otherwise a cell would flicker.
 *
 * The delta may never arrive. If a primary fails, the commit may be lost with it, and its successor
 * may use the same version for another commit. So a change is also dropped once its page has been
 * followed for a while.
 */

import type { Bit } from "../../board/bitmap.js";
import { pageOf } from "../../board/geometry.js";

/** A cell that is no longer shown over the replica, with the value it showed. */
export interface Dropped {
  readonly cell: number;
  readonly value: Bit;
}

interface Change {
  readonly value: Bit;
  /** The page has the change from this version on. */
  readonly version: number;
  /** Calls to `waited` since the page was last joined. */
  waits: number;
}

const WAITS_MAX = 5;

export class Confirmed {
  /** page -> cell -> the change. */
  readonly #pages = new Map<number, Map<number, Change>>();

  get(cell: number): Bit | undefined {
    return this.#pages.get(pageOf(cell))?.get(cell)?.value;
  }

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
    return this.#drop(page, (change) => change.version <= version);
  }

  /** `page` has been followed for another second. */
  waited(page: number): Dropped[] {
    return this.#drop(page, (change) => ++change.waits > WAITS_MAX);
  }

  /** No page is followed any more. */
  disconnected(): void {
    for (const cells of this.#pages.values()) for (const change of cells.values()) change.waits = 0;
  }

  #drop(page: number, isDone: (change: Change) => boolean): Dropped[] {
    const cells = this.#pages.get(page);
    if (!cells) return [];
    const dropped: Dropped[] = [];
    for (const [cell, change] of cells) {
      if (!isDone(change)) continue;
      cells.delete(cell);
      dropped.push({ cell, value: change.value });
    }
    if (cells.size === 0) this.#pages.delete(page);
    return dropped;
  }
}
