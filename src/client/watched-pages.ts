/*
 * The pages a board's user watches: a replica for each, and how many watches share it. Replicas stay through a reconnect, so
 * that the next instance sends only what was missed.
 */

import { cellsInPage } from "../board/geometry.js";
import { Replica } from "../board/replica.js";

export interface WatchedPage {
  replica: Replica;
  watches: number;
  /** Has been up to date once: its cells can be read. */
  isLoaded: boolean;
  /** Cells that showed a wish and do so no more, though the page cannot be read yet: to be told when it can. */
  readonly untold: Set<number>;
  /** Told when the page is loaded or let go, or cannot be had. */
  waiting: { done(): void; fail(error: unknown): void }[];
}

export class WatchedPages {
  readonly #pages = new Map<number, WatchedPage>();

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

  /** Counts a watch of each page in; resolves when all of them are loaded. */
  async hold(pages: readonly number[], size: number): Promise<void> {
    await Promise.all(
      pages.map((number) => {
        const page = this.#pages.get(number) ?? {
          replica: new Replica(number, cellsInPage(size, number)),
          watches: 0,
          isLoaded: false,
          untold: new Set<number>(),
          waiting: [],
        };
        page.watches++;
        this.#pages.set(number, page);
        return page.isLoaded ? undefined : new Promise<void>((done, fail) => page.waiting.push({ done, fail }));
      }),
    );
  }

  /** Counts a watch of each page out; returns those that nobody watches any more. */
  letGo(pages: readonly number[]): number[] {
    return pages.filter((number) => {
      const page = this.#pages.get(number);
      if (!page || --page.watches > 0) return false;
      this.#pages.delete(number);
      for (const { done } of page.waiting) done();
      return true;
    });
  }

  /** True if the page can be read for the first time now. */
  markLoaded(page: WatchedPage): boolean {
    if (page.isLoaded) return false;
    page.isLoaded = true;
    for (const { done } of page.waiting) done();
    page.waiting = [];
    return true;
  }

  /** These pages cannot be had: whoever waits for them is told, and they are watched no more. */
  fail(numbers: readonly number[], error: unknown): void {
    for (const number of numbers) {
      for (const { fail } of this.#pages.get(number)?.waiting ?? []) fail(error);
      this.#pages.delete(number);
    }
  }

  /** The board has another size than before: pages of another size are loaded anew. */
  resize(size: number): void {
    for (const [number, page] of this.#pages) {
      const cells = cellsInPage(size, number);
      if (page.replica.cells === cells) continue;
      page.replica = new Replica(number, cells);
      page.isLoaded = false;
    }
  }
}
