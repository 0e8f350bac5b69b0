/*
 * The watched pages: a replica of each, and how many watches share it. Replicas outlive a
 * connection, so that the next instance sends only what was missed.
 */

import { cellsInPage, PAGE_CELLS, pagesBetween } from "../../board/geometry.js";
import { Replica } from "../../board/replica.js";
import type { CellRange } from "../api/board.js";
import { type Deferred, deferred } from "../timing/deferred.js";
import type { Held } from "./live-watch.js";
import { WatchedRanges } from "./watched-ranges.js";

export interface WatchedPage {
  replica: Replica;
  watches: number;
  /** Has been up to date once: its cells can be read. */
  isLoaded: boolean;
  /** Cells that stopped showing a change before the page could be read. Reported once it can. */
  readonly unreported: Set<number>;
  /** Settled when the page is loaded, released or refused. */
  loading: Deferred;
}

interface WatchedRange extends CellRange {
  readonly ready: Deferred;
  held: WatchedPage[];
}

interface Listener {
  held(): void;
  /** These pages are no longer watched. */
  released(pages: readonly number[]): void;
}

export class WatchedPages {
  /** Includes cells past the end of the board. */
  readonly ranges = new WatchedRanges();
  /** Those of them whose checked cells are reported when they are loaded. */
  readonly initial = new WatchedRanges();
  readonly #listener: Listener;
  readonly #pages = new Map<number, WatchedPage>();
  /** Number of cells of the board, once known. */
  size: number | undefined;
  #failure: unknown;
  /** The pages of each range are held once the size is known. */
  readonly #placed = new Set<WatchedRange>();

  constructor(listener: Listener) {
    this.#listener = listener;
  }

  get(page: number): WatchedPage | undefined {
    return this.#pages.get(page);
  }

  get numbers(): number[] {
    return [...this.#pages.keys()];
  }

  get checked(): number {
    let checked = 0;
    for (const { replica } of this.#pages.values()) checked += replica.checked;
    return checked;
  }

  /** Holds the pages of the range that the board has, from the first call of `resize` on. */
  watch({ start, end }: CellRange, isInitial = true): Held {
    if (!(start >= 0 && end > start))
      throw new RangeError(`not a range of cells: ${start} … ${end}. Pass 0 <= start < end`);
    const ready = deferred();
    const range: WatchedRange = { start, end, ready, held: [] };
    this.ranges.add(range);
    if (isInitial) this.initial.add(range);
    if (this.#failure) ready.fail(this.#failure);
    else {
      this.#placed.add(range);
      if (this.size !== undefined) this.#holdRange(range, this.size);
    }
    return {
      ready: ready.promise,
      stop: () => {
        this.ranges.delete(range);
        this.initial.delete(range);
        if (this.#placed.delete(range) && this.size === undefined) ready.done();
        this.release(range.held.splice(0));
      },
    };
  }

  /** At most `most` pages that are watched, or will be if the board is large enough. */
  wanted(most: number): number[] {
    const wanted = new Set(this.#pages.keys());
    for (const { start, end } of this.size === undefined ? this.#placed : []) {
      const last = Math.min(end, start + most * PAGE_CELLS);
      for (const page of pagesBetween(start, last)) if (wanted.size < most) wanted.add(page);
    }
    return [...wanted].slice(0, most);
  }

  #holdRange(range: WatchedRange, size: number): void {
    const before = range.held;
    range.held = this.hold(pagesBetween(range.start, Math.min(range.end, size)), size);
    this.release(before);
    Promise.all(range.held.map(({ loading }) => loading.promise)).then(range.ready.done, range.ready.fail);
  }

  hold(numbers: readonly number[], size: number): WatchedPage[] {
    const held = numbers.map((number) => {
      const page = this.#pages.get(number) ?? {
        replica: new Replica(number, cellsInPage(size, number)),
        watches: 0,
        isLoaded: false,
        unreported: new Set<number>(),
        loading: deferred(),
      };
      page.watches++;
      this.#pages.set(number, page);
      return page;
    });
    this.#listener.held();
    return held;
  }

  /** Removes one watch from each page. A refused page has already lost its watches. */
  release(held: readonly WatchedPage[]): void {
    const released = held.flatMap((page) => {
      const number = page.replica.page;
      if (this.#pages.get(number) !== page || --page.watches > 0) return [];
      this.#pages.delete(number);
      page.loading.done();
      return number;
    });
    this.#listener.released(released);
  }

  /** True if this makes the page readable for the first time. */
  markLoaded(page: WatchedPage): boolean {
    if (page.isLoaded) return false;
    page.isLoaded = true;
    page.loading.done();
    return true;
  }

  /** The board cannot be used: every watch fails. */
  close(error: unknown): void {
    this.#failure = error;
    for (const { ready } of this.#placed) ready.fail(error);
    this.#placed.clear();
    this.fail(this.numbers, error);
  }

  /** These pages are refused: their watches fail, and end. */
  fail(numbers: readonly number[], error: unknown): void {
    for (const number of numbers) {
      this.#pages.get(number)?.loading.fail(error);
      this.#pages.delete(number);
    }
  }

  /**
   * The board has `size` cells now. Pages of another size are loaded again; their numbers are
   * returned.
   */
  resize(size: number): number[] {
    const isOther = size !== this.size;
    this.size = size;
    const resized: number[] = [];
    for (const [number, page] of this.#pages) {
      const cells = cellsInPage(size, number);
      if (page.replica.cells === cells) continue;
      page.replica = new Replica(number, cells);
      if (page.isLoaded) page.loading = deferred();
      page.isLoaded = false;
      resized.push(number);
    }
    if (isOther) for (const range of this.#placed) this.#holdRange(range, size);
    return resized;
  }
}
