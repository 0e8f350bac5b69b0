/*
 * How full each page is, from the best source there is: its cells, where they are here, else the overview of the whole
 * board, where the server gives one. The one place that knows of the overview's part of the client library.
 */

import { cellsInPage, pageCount } from "../../board/geometry.js";
import type { Board, Overview, Watch } from "../../client/index.js";

interface OverviewSource {
  watchOverview(): Watch;
  readonly overview: Overview | undefined;
  on(event: "overview", listener: (changedPages: readonly number[]) => void): () => void;
}

export interface DensitiesListener {
  /** Densities are others; `isNews` if because something happened on these pages just now. */
  changed(pages: readonly number[], isNews: boolean): void;
}

/** So old may be what is said of who watches what. */
const STALE_MS = 12_000;

export class Densities {
  readonly #size: number;
  readonly #pages: readonly number[];
  readonly #source: OverviewSource | undefined;
  readonly #watch: Watch | undefined;
  readonly #off: (() => void) | undefined;
  #isKnown = false;
  /** Pages that somebody watches, this client among them. */
  #watched: readonly number[] = [];
  /** When this client ceased to watch a page. */
  readonly #leftMs = new Map<number, number>();
  /** Of pages whose cells are here. */
  readonly #checked = new Map<number, number>();

  constructor(board: Board, listener: DensitiesListener) {
    this.#size = board.size;
    this.#pages = Array.from({ length: pageCount(board.size) }, (_, page) => page);
    if (!hasOverview(board)) return;
    this.#source = board;
    this.#off = board.on("overview", (changed) => {
      const wasKnown = this.#isKnown;
      this.#isKnown = board.overview !== undefined;
      if (changed.length === 0) this.#watched = this.#pages.filter((page) => (board.overview?.watchers(page) ?? 0) > 0);
      // At first, what is full of old is no news, and an empty page is known to be empty now.
      listener.changed(wasKnown ? changed : this.#pages, wasKnown);
    });
    this.#watch = board.watchOverview();
    this.#watch.ready.catch(() => undefined);
  }

  get hasOverview(): boolean {
    return this.#source !== undefined;
  }

  get onlineEverywhere(): number | undefined {
    return this.#source?.overview?.onlineEverywhere;
  }

  /** Checked cells of the board, where they are known. */
  get total(): number | undefined {
    const overview = this.#source?.overview;
    if (overview) return overview.total;
    if (this.#checked.size < pageCount(this.#size)) return undefined;
    let total = 0;
    for (const checked of this.#checked.values()) total += checked;
    return total;
  }

  /** Pages that somebody else looks at. */
  looking(nowMs: number): readonly number[] {
    for (const [page, leftMs] of this.#leftMs) if (nowMs - leftMs > STALE_MS) this.#leftMs.delete(page);
    return this.#watched.filter((page) => this.#isLookedAt(page));
  }

  /** The cells of the page are here, so many of them checked; or, without a number, no longer. */
  setLoaded(page: number, checked: number | undefined): void {
    if (checked === undefined) {
      this.#checked.delete(page);
      this.#leftMs.set(page, performance.now());
    } else this.#checked.set(page, checked);
  }

  /** 0 … 1, or undefined where it is not known. */
  shareOf(page: number): number | undefined {
    const checked = this.#checked.get(page) ?? this.#source?.overview?.count(page);
    return checked === undefined ? undefined : checked / cellsInPage(this.#size, page);
  }

  close(): void {
    this.#off?.();
    this.#watch?.stop();
  }

  #isLookedAt(page: number): boolean {
    const own = this.#checked.has(page) || this.#leftMs.has(page) ? 1 : 0;
    return (this.#source?.overview?.watchers(page) ?? 0) > own;
  }
}

function hasOverview(board: object): board is OverviewSource {
  return "watchOverview" in board;
}
