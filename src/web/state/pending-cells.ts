/*
 * The user's changes that have no answer yet. The board knows which cells are pending. This class
 * remembers only since when, and checks regularly whether they still are.
 */

import type { Board } from "../../client/index.js";
import { type Cancel, type Clock, realClock } from "../../protocol/clock.js";

const LOOK_MS = 100;
const SHOWN_MAX = 1_000;

export class PendingCells {
  readonly #board: Pick<Board, "set" | "isPending">;
  readonly #changed: (cell: number, isPending: boolean) => void;
  readonly #clock: Clock;
  readonly #sinceMs = new Map<number, number>();
  #nextLook: Cancel | undefined;

  constructor(
    board: Pick<Board, "set" | "isPending">,
    changed: (cell: number, isPending: boolean) => void,
    clock: Clock = realClock,
  ) {
    this.#board = board;
    this.#changed = changed;
    this.#clock = clock;
  }

  /** Resolves when the change is committed. The board reports a refusal as an event, too. */
  set(cell: number, value: boolean): Promise<void> {
    const settled = this.#board.set(cell, value);
    settled.catch(() => undefined);
    this.follow(cell);
    return settled;
  }

  follow(cell: number): void {
    if (this.#sinceMs.has(cell) || !this.#board.isPending(cell)) return;
    this.#sinceMs.set(cell, this.#clock.now());
    this.#changed(cell, true);
    this.#nextLook ??= this.#clock.after(LOOK_MS, () => this.#look());
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
    this.#nextLook?.();
  }

  #look(): void {
    for (const cell of this.#sinceMs.keys()) {
      if (this.#board.isPending(cell)) continue;
      this.#sinceMs.delete(cell);
      this.#changed(cell, false);
    }
    this.#nextLook = this.#sinceMs.size > 0 ? this.#clock.after(LOOK_MS, () => this.#look()) : undefined;
  }
}
