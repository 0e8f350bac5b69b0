/*
 * How full each page is, from the best source there is: its cells, where they are here, else the overview of the whole
 * board, once it has come. The one place that knows of the overview's part of the client library.
 */

import { cellsInPage, pageCount } from "../../../board/geometry.js";
import type { Board, BoardEvents, Watch } from "../../../client/index.js";

/** What of a board is used here. */
export interface OverviewSource extends Pick<Board, "size" | "overview" | "watchOverview"> {
  on(event: "overview", listener: BoardEvents["overview"]): () => void;
}

export interface DensitiesListener {
  /** The densities of these pages are others. */
  changed(pages: readonly number[]): void;
  /**
   * On a page whose cells are not here, so many changed just now, or more that cancelled each other. Not told of what
   * was missed while there was no connection: that may be hours old.
   */
  happened(page: number, cells: number): void;
}

/** So old may be what is said of who watches what. */
const STALE_MS = 12_000;

export class Densities {
  readonly #board: OverviewSource;
  readonly #listener: DensitiesListener;
  readonly #pages: readonly number[];
  readonly #watch: Watch;
  readonly #off: () => void;
  /** Checked cells by page, as the overview last said; undefined until it has said anything. */
  #told: Uint32Array | undefined;
  /** Pages that somebody watches, this client among them. */
  #watched: readonly number[] = [];
  /** When this client ceased to watch a page. */
  readonly #leftMs = new Map<number, number>();
  /** Of pages whose cells are here. */
  readonly #checked = new Map<number, number>();

  constructor(board: OverviewSource, listener: DensitiesListener) {
    this.#board = board;
    this.#listener = listener;
    this.#pages = Array.from({ length: pageCount(board.size) }, (_, page) => page);
    this.#off = board.on("overview", (changed, isMissed) => this.#receive(changed, isMissed));
    this.#watch = board.watchOverview();
    // Without it a page's density is known while its cells are here.
    this.#watch.ready.catch(() => undefined);
  }

  /** The overview has come: how full each page is, is known. */
  get isKnown(): boolean {
    return this.#told !== undefined;
  }

  /** Checked cells of the board, where they are known. */
  get total(): number | undefined {
    const { overview } = this.#board;
    if (overview) return overview.total;
    if (this.#checked.size < this.#pages.length) return undefined;
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
    const checked = this.#checked.get(page) ?? this.#board.overview?.count(page);
    return checked === undefined ? undefined : checked / cellsInPage(this.#board.size, page);
  }

  close(): void {
    this.#off();
    this.#watch.stop();
  }

  #receive(changed: readonly number[], isMissed: boolean): void {
    const { overview } = this.#board;
    if (!overview) return;
    if (changed.length === 0) this.#watched = this.#pages.filter((page) => overview.watchers(page) > 0);
    const before = this.#told;
    const told = before ?? new Uint32Array(this.#pages.length);
    this.#told = told;
    for (const page of changed) {
      const checked = overview.count(page);
      const cells = Math.abs(checked - (told[page] ?? 0));
      told[page] = checked;
      // At first, what is full of old is no news.
      if (before && !isMissed && !this.#checked.has(page)) this.#listener.happened(page, cells);
    }
    // And an empty page is known to be empty now.
    this.#listener.changed(before ? changed : this.#pages);
  }

  #isLookedAt(page: number): boolean {
    const own = this.#checked.has(page) || this.#leftMs.has(page) ? 1 : 0;
    return (this.#board.overview?.watchers(page) ?? 0) > own;
  }
}
