/*
 * The pages of a board that components show. They share one watch of each page, which outlives the last
 * of them by a moment. Components often come and go together (a range that moves, StrictMode, a list
 * that is rendered again), and a released page would have to be requested again.
 */

import { PAGE_CELLS } from "../board/geometry.js";
import type { Board, Watch } from "../client/board.js";
import type { Cancel, Clock } from "../protocol/clock.js";

const LINGER_MS = 1_000;

interface HeldPage {
  readonly watch: Watch;
  holders: number;
  letGo: Cancel | undefined;
}

type Watchable = Pick<Board, "watch">;

export class PageWatches {
  readonly #board: Watchable;
  readonly #clock: Clock;
  readonly #settled: (page: number, error?: unknown) => void;
  readonly #held = new Map<number, HeldPage>();

  /** `settled` is called when a page can be read, or was refused. */
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
    const settled = (error?: unknown) => {
      if (this.#held.get(page) === held) this.#settled(page, error);
    };
    held.watch.ready.then(() => settled(), settled);
    return held;
  }
}
