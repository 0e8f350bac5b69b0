/*
 * Watches the wanted pages. Unwanted pages stay for a while, so that a view that turns back finds
 * them. The number of pages is bounded.
 */

import { cellAt, PAGE_CELLS } from "../../../board/geometry.js";
import type { Board, Watch } from "../../../client/index.js";

interface PageKeeperListener {
  loaded(page: number): void;
  left(page: number): void;
}

interface Kept {
  readonly watch: Watch;
  wantedMs: number;
  /** When the server refused it. It is requested again only after a pause. */
  failedMs: number | undefined;
}

const LINGER_MS = 6_000;
const RETRY_MS = 2_000;

export class PageKeeper {
  readonly #source: Pick<Board, "watch">;
  readonly #pagesMax: number;
  readonly #listener: PageKeeperListener;
  /** In the order in which they were last wanted. */
  readonly #kept = new Map<number, Kept>();

  constructor(source: Pick<Board, "watch">, pagesMax: number, listener: PageKeeperListener) {
    this.#source = source;
    this.#pagesMax = pagesMax;
    this.#listener = listener;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** The most important page first. Those beyond the bound are not watched. */
  want(wanted: readonly number[], nowMs: number): void {
    const pages = wanted.slice(0, this.#pagesMax);
    for (const page of pages) {
      let kept = this.#kept.get(page);
      this.#kept.delete(page);
      if (kept?.failedMs !== undefined && nowMs - kept.failedMs >= RETRY_MS) {
        kept.watch.stop();
        kept = undefined;
      }
      kept ??= this.#watch(page, nowMs);
      kept.wantedMs = nowMs;
      this.#kept.set(page, kept);
    }
    for (const [page, { wantedMs }] of this.#kept) {
      const isOver = nowMs - wantedMs >= LINGER_MS || this.#kept.size > this.#pagesMax;
      if (!isOver) break;
      this.#leave(page);
    }
  }

  close(): void {
    for (const page of [...this.#kept.keys()]) this.#leave(page);
  }

  #watch(page: number, nowMs: number): Kept {
    const watch = this.#source.watch({ start: cellAt(page, 0), end: cellAt(page, PAGE_CELLS) }, { initial: false });
    const kept: Kept = { watch, wantedMs: nowMs, failedMs: undefined };
    watch.ready.then(
      () => this.#kept.get(page) === kept && this.#listener.loaded(page),
      () => {
        kept.failedMs = kept.wantedMs;
      },
    );
    return kept;
  }

  #leave(page: number): void {
    const kept = this.#kept.get(page);
    this.#kept.delete(page);
    kept?.watch.stop();
    this.#listener.left(page);
  }
}
