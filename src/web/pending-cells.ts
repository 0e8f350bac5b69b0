/*
 * The cells whose change by this user has no answer yet. Kept beside the grid, since a change outlives the window of
 * cells in which it was made.
 */

import type { Board } from "../client/index.js";

export class PendingCells {
  readonly #board: Board;
  readonly #waiting = new Map<number, number>();
  /** Told when a cell begins and ceases to wait. */
  onChange: (cell: number, isPending: boolean) => void = () => undefined;

  constructor(board: Board) {
    this.#board = board;
  }

  has(cell: number): boolean {
    return this.#waiting.has(cell);
  }

  set(cell: number, value: boolean): void {
    const waiting = this.#waiting.get(cell) ?? 0;
    this.#waiting.set(cell, waiting + 1);
    if (waiting === 0) this.onChange(cell, true);
    // A refusal is told by the board's event of that name.
    const settled = () => this.#settled(cell);
    this.#board.set(cell, value).then(settled, settled);
  }

  #settled(cell: number): void {
    const waiting = (this.#waiting.get(cell) ?? 1) - 1;
    if (waiting > 0) this.#waiting.set(cell, waiting);
    else {
      this.#waiting.delete(cell);
      this.onChange(cell, false);
    }
  }
}
