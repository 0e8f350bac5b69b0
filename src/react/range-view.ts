/*
 * A range of a board as React takes it: a view that is never changed, only replaced, and only when something in it is
 * another. `subscribe` and `getSnapshot` are those of useSyncExternalStore.
 *
 * It does nothing before it is subscribed to, so that React may make it and throw it away.
 */

import type { CellChange, CellRange } from "../client/board.js";
import type { Refusal } from "../protocol/errors.js";
import type { OpenResult } from "../protocol/events.js";
import type { BoardSource, Shown } from "./board-source.js";

export interface BoardView {
  /** Whether cell `start + i` is checked, at i; undefined where it is not here yet. Empty until `size` is known. */
  readonly cells: readonly (boolean | undefined)[];
  /** The range that is shown; it ends with the board. */
  readonly start: number;
  readonly end: number;
  /** Cells of the board; 0 until it is known. */
  readonly size: number;
  /** Whether every cell of the range is here. They stay, and stay readable, while a connection is lost. */
  readonly isReady: boolean;
  /** What this client may do on the board. */
  readonly right: OpenResult["right"] | undefined;
  /** Why the board, or a part of the range, cannot be had. */
  readonly refusal: Refusal | undefined;
  /**
   * Sets a cell of the board: shown at once, resolved when the store has committed it; rejected with a Refusal if it will
   * not, and then shown as it was.
   */
  readonly set: (cell: number, value: boolean) => Promise<void>;
}

/** All of its fields: a view is replaced when one of them is another. */
export const VIEW_FIELDS: readonly (keyof BoardView)[] = [
  "cells",
  "start",
  "end",
  "size",
  "isReady",
  "right",
  "refusal",
  "set",
];

/** More than one component should draw as elements; a larger part is for a canvas, with `board.bitsOf`. */
export const RANGE_CELLS_MAX = 262_144;

export class RangeView implements Shown {
  readonly #source: BoardSource;
  readonly #start: number;
  readonly #end: number | undefined;
  #view: BoardView;
  #listener: () => void = () => undefined;

  /** Without `end`, to the end of the board. */
  constructor(source: BoardSource, start: number, end: number | undefined) {
    const isRange = Number.isSafeInteger(start) && start >= 0 && (end === undefined || end > start);
    if (!isRange) throw new RangeError(`not a range of cells: ${start} … ${end}`);
    this.#source = source;
    this.#start = start;
    this.#end = end;
    this.#view = this.#look();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listener = listener;
    const hide = this.#source.show(this);
    // It may have changed since it was made.
    this.refresh();
    return () => {
      this.#listener = () => undefined;
      hide();
    };
  };

  /** Throws a RangeError where the range is too large; not earlier, so that it is thrown while React renders. */
  readonly getSnapshot = (): BoardView => {
    const { start, end } = this.#clip(this.#view.size);
    if (end - start > RANGE_CELLS_MAX) {
      throw new RangeError(`useBoard shows at most ${RANGE_CELLS_MAX} cells, not ${end - start}: give it a range`);
    }
    return this.#view;
  };

  placed(size: number): CellRange {
    const { start, end } = this.#clip(size);
    return end - start > RANGE_CELLS_MAX ? { start, end: start } : { start, end };
  }

  changed(changes: readonly CellChange[]): void {
    const { start, end } = this.#view;
    let cells: (boolean | undefined)[] | undefined;
    for (const { cell, value } of changes) {
      if (cell < start || cell >= end || this.#view.cells[cell - start] === value) continue;
      cells ??= [...this.#view.cells];
      cells[cell - start] = value;
    }
    if (cells) this.#replace({ ...this.#view, cells, isReady: isWhole(cells) });
  }

  refresh(): void {
    const seen = this.#look();
    const before = this.#view;
    const view = { ...seen, cells: isEqual(seen.cells, before.cells) ? before.cells : seen.cells };
    if (VIEW_FIELDS.some((key) => view[key] !== before[key])) this.#replace(view);
  }

  #replace(view: BoardView): void {
    this.#view = view;
    this.#listener();
  }

  #clip(size: number): CellRange {
    const end = Math.min(this.#end ?? size, size);
    return { start: Math.min(this.#start, end), end };
  }

  #look(): BoardView {
    const { board, set } = this.#source;
    const { size, right } = board;
    const range = this.placed(size);
    const cells = Array.from({ length: range.end - range.start }, (_, index) => board.get(range.start + index));
    const refusal = board.failure ?? this.#source.refusalIn(range);
    return { ...range, size, right, refusal, set, cells, isReady: size > 0 && isWhole(cells) };
  }
}

function isWhole(cells: BoardView["cells"]): boolean {
  return !cells.includes(undefined);
}

function isEqual(one: BoardView["cells"], other: BoardView["cells"]): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index]);
}
