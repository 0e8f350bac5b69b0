/*
 * The watched pages: a replica of each, and how many watches share it. Replicas outlive a
 * connection, so that the next instance sends only what was missed.
 */

import { cellsInPage, pagesBetween } from "../board/geometry.js";
import { Replica } from "../board/replica.js";
import type { CellRange, Watch } from "./board.js";
import { type Deferred, deferred } from "./deferred.js";

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

interface Listener {
  held(): void;
  /** These pages are no longer watched. */
  released(pages: readonly number[]): void;
}

export class WatchedPages {
  readonly #listener: Listener;
  readonly #pages = new Map<number, WatchedPage>();

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

  /** Holds the pages of the range as soon as the board's size is known. */
  watch({ start, end }: CellRange, knownSize: Promise<number>): Watch {
    if (!(start >= 0 && end > start)) throw new RangeError(`not a range of cells: ${start} … ${end}`);
    let isStopped = false;
    let held: readonly WatchedPage[] = [];
    const ready = knownSize.then(async (size) => {
      if (isStopped) return;
      held = this.hold(pagesBetween(start, Math.min(end, size)), size);
      await Promise.all(held.map(({ loading }) => loading.promise));
    });
    ready.catch(() => undefined);
    return {
      ready,
      stop: () => {
        if (isStopped) return;
        isStopped = true;
        this.release(held);
      },
    };
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

  /** These pages were refused, so their watches fail and end. */
  fail(numbers: readonly number[], error: unknown): void {
    for (const number of numbers) {
      this.#pages.get(number)?.loading.fail(error);
      this.#pages.delete(number);
    }
  }

  /** The board has `size` cells now: pages of another size are loaded again. */
  resize(size: number): void {
    for (const [number, page] of this.#pages) {
      const cells = cellsInPage(size, number);
      if (page.replica.cells === cells) continue;
      page.replica = new Replica(number, cells);
      if (page.isLoaded) page.loading = deferred();
      page.isLoaded = false;
    }
  }
}
