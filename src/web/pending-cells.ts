/*
 * The user's changes that are still on their way, to be shown as such. The board knows which cells
 * are pending. This class only remembers since when, and looks now and then if it is over.
 */

import type { Board } from "../client/index.js";

const LOOK_MS = 100;
const SHOWN_MAX = 1_000;

export class PendingCells {
  readonly #board: Board;
  readonly #changed: (cell: number, isPending: boolean) => void;
  readonly #sinceMs = new Map<number, number>();
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(board: Board, changed: (cell: number, isPending: boolean) => void) {
    this.#board = board;
    this.#changed = changed;
  }

  set(cell: number, value: boolean): void {
    // The board reports a refusal as an event.
    this.#board.set(cell, value).catch(() => undefined);
    this.follow(cell);
  }

  follow(cell: number): void {
    if (this.#sinceMs.has(cell) || !this.#board.isPending(cell)) return;
    this.#sinceMs.set(cell, performance.now());
    this.#changed(cell, true);
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS);
  }

  /** Cells that have been pending for at least `ms`, the oldest first. */
  *longerThan(ms: number, nowMs: number): Iterable<number> {
    let shown = 0;
    for (const [cell, sinceMs] of this.#sinceMs) {
      if (nowMs - sinceMs < ms || ++shown > SHOWN_MAX) return;
      yield cell;
    }
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #look(): void {
    for (const cell of this.#sinceMs.keys()) {
      if (this.#board.isPending(cell)) continue;
      this.#sinceMs.delete(cell);
      this.#changed(cell, false);
    }
    if (this.#sinceMs.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }
}
