/*
 * The pages of a board that components show: one watch for each, however many show it, and a moment longer than the last of
 * them. Components come and go in the same moment (a range that moves, React's StrictMode, a list that is made anew), and a
 * page that was let go of would have to be asked for again.
 */

import { PAGE_CELLS } from "../board/geometry.js";
import type { CellRange, Watch } from "../client/board.js";
import type { Cancel, Clock } from "../protocol/clock.js";

const LINGER_MS = 1_000;

interface HeldPage {
  readonly watch: Watch;
  holders: number;
  letGo: Cancel | undefined;
}

export interface Watchable {
  watch(range: CellRange): Watch;
}

export class PageWatches {
  readonly #board: Watchable;
  readonly #clock: Clock;
  readonly #settled: (page: number, error?: unknown) => void;
  readonly #held = new Map<number, HeldPage>();

  /** `settled` is told when a page can be read, or cannot be had. */
  constructor(board: Watchable, clock: Clock, settled: (page: number, error?: unknown) => void) {
    this.#board = board;
    this.#clock = clock;
    this.#settled = settled;
  }

  hold(page: number): void {
    const held = this.#held.get(page) ?? this.#watch(page);
    held.holders++;
    held.letGo?.();
    held.letGo = undefined;
  }

  release(page: number): void {
    const held = this.#held.get(page);
    if (!held || --held.holders > 0) return;
    held.letGo = this.#clock.after(LINGER_MS, () => {
      this.#held.delete(page);
      held.watch.stop();
    });
  }

  #watch(page: number): HeldPage {
    const start = page * PAGE_CELLS;
    const held: HeldPage = { watch: this.#board.watch({ start, end: start + 1 }), holders: 0, letGo: undefined };
    this.#held.set(page, held);
    const tell = (error?: unknown) => {
      if (this.#held.get(page) === held) this.#settled(page, error);
    };
    held.watch.ready.then(() => tell(), tell);
    return held;
  }
}
