/*
 * How full each page is, from the best source there is: its cells, where they are here, else the overview of the whole
 * board, where the server gives one. The one place that knows of the overview's part of the client library.
 */

import { cellsInPage, pageCount } from "../../board/geometry.js";
import type { Board, Watch } from "../../client/index.js";

export interface Overview {
  readonly pages: number;
  /** Checked cells of the board. */
  readonly total: number;
  readonly onlineEverywhere: number;
  /** Checked cells of a page. */
  count(page: number): number;
}

interface OverviewSource {
  watchOverview(): Watch;
  readonly overview: Overview | undefined;
  on(event: "overview", listener: (changedPages: readonly number[]) => void): () => void;
}

export interface DensitiesListener {
  changed(pages: readonly number[]): void;
}

export class Densities {
  readonly #size: number;
  readonly #source: OverviewSource | undefined;
  readonly #watch: Watch | undefined;
  readonly #off: (() => void) | undefined;
  /** Of pages whose cells are here. */
  readonly #checked = new Map<number, number>();

  constructor(board: Board, listener: DensitiesListener) {
    this.#size = board.size;
    if (!hasOverview(board)) return;
    this.#source = board;
    this.#off = board.on("overview", (pages) => listener.changed(pages));
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

  /** The cells of the page are here, so many of them checked; or, without a number, no longer. */
  setLoaded(page: number, checked: number | undefined): void {
    if (checked === undefined) this.#checked.delete(page);
    else this.#checked.set(page, checked);
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
}

function hasOverview(board: object): board is OverviewSource {
  return "watchOverview" in board;
}
