/*
 * How full each page is: from its cells if they are loaded, otherwise from the overview of the
 * whole board. Nothing else in the app uses the client library's overview.
 */

import { cellsInPage, pageCount } from "../../../board/geometry.js";
import type { Board, BoardEvents, Watch } from "../../../client/index.js";

interface OverviewSource extends Pick<Board, "size" | "overview" | "watchOverview"> {
  on(event: "overview", listener: BoardEvents["overview"]): () => void;
}

interface DensitiesListener {
  changed(pages: readonly number[]): void;
  /**
   * The count of a page that is not loaded changed by `cells`. Not called for changes missed while
   * disconnected, which may be hours old.
   */
  happened(page: number, cells: number): void;
}

/** The overview's counts of watchers may be this old. */
const STALE_MS = 12_000;

export class Densities {
  readonly #board: OverviewSource;
  readonly #listener: DensitiesListener;
  readonly #pages: readonly number[];
  readonly #watch: Watch;
  readonly #off: () => void;
  /** Checked cells by page, from the overview; undefined until it arrives. */
  #counts: Uint32Array | undefined;
  /** Pages that someone watches, this client among them. */
  #watched: readonly number[] = [];
  /** When this client stopped watching a page. */
  readonly #leftMs = new Map<number, number>();
  readonly #checked = new Map<number, number>();

  constructor(board: OverviewSource, listener: DensitiesListener) {
    this.#board = board;
    this.#listener = listener;
    this.#pages = Array.from({ length: pageCount(board.size) }, (_, page) => page);
    this.#off = board.on("overview", (changed, isMissed) => this.#receive(changed, isMissed));
    this.#watch = board.watchOverview();
    // Without the overview, loaded pages still have a density.
    this.#watch.ready.catch(() => undefined);
  }

  get isKnown(): boolean {
    return this.#counts !== undefined;
  }

  get total(): number | undefined {
    const { overview } = this.#board;
    if (overview) return overview.total;
    if (this.#checked.size < this.#pages.length) return undefined;
    let total = 0;
    for (const checked of this.#checked.values()) total += checked;
    return total;
  }

  looking(nowMs: number): readonly number[] {
    for (const [page, leftMs] of this.#leftMs) if (nowMs - leftMs > STALE_MS) this.#leftMs.delete(page);
    return this.#watched.filter((page) => {
      const own = this.#checked.has(page) || this.#leftMs.has(page) ? 1 : 0;
      return (this.#board.overview?.watchers(page) ?? 0) > own;
    });
  }

  /** `checked` is the number of checked cells of a loaded page; undefined if it no longer is. */
  setLoaded(page: number, checked: number | undefined): void {
    if (checked === undefined) {
      this.#checked.delete(page);
      this.#leftMs.set(page, performance.now());
    } else this.#checked.set(page, checked);
  }

  /** 0 … 1; undefined if unknown. */
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
    const before = this.#counts;
    const counts = before ?? new Uint32Array(this.#pages.length);
    this.#counts = counts;
    for (const page of changed) {
      const checked = overview.count(page);
      const cells = Math.abs(checked - (counts[page] ?? 0));
      counts[page] = checked;
      // The first counts are not news.
      if (before && !isMissed && !this.#checked.has(page)) this.#listener.happened(page, cells);
    }
    // The first counts concern all pages: those without a count are empty.
    this.#listener.changed(before ? changed : this.#pages);
  }
}
