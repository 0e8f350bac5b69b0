/*
 * A range of a board for React's useSyncExternalStore. The view is never changed, only replaced,
 * and only when one of its fields has changed. React may create a RangeView and drop it, so it does
 * nothing before `subscribe`.
 */

import { getBit } from "../board/bitmap.js";
import type { CellChange, CellRange } from "../client/api/board.js";
import type { OpenResult } from "../protocol/events.js";
import type { Refusal } from "../protocol/refusal.js";
import type { BoardSource, Shown, SourceBoard } from "./board-source.js";
import { NO_BOARD } from "./no-client.js";

/** A range of a board, as a component shows it. Never changed, only replaced. */
export interface BoardView {
  /** Item i is cell `start + i`; undefined until it is loaded. Empty until `size` is known. */
  readonly cells: readonly (boolean | undefined)[];
  /** The first cell that is shown. */
  readonly start: number;
  /** The cell after the last one that is shown: at most `size`, once that is known. */
  readonly end: number;
  /** Cells of the board; 0 until it is known. */
  readonly size: number;
  /** Whether every cell of the range is loaded. Cells stay readable if the connection is lost. */
  readonly isReady: boolean;
  /** The rights of this client on the board. */
  readonly right: OpenResult["right"] | undefined;
  /**
   * On a board with claims: the user's own cells of the range. Each has the time when its hold
   * ends, in ms since 1970, or undefined if it has no end.
   */
  readonly mine: ReadonlyMap<number, number | undefined>;
  /** On a board with claims: the cells of the range that somebody else has. */
  readonly taken: ReadonlySet<number>;
  /** Why the board, or a part of the range, was refused. */
  readonly refusal: Refusal | undefined;
  /**
   * Like `set` of the board. You need not handle its promise: a refusal also resets the cell.
   */
  readonly set: (cell: number, value: boolean) => Promise<void>;
}

/** A view is replaced when one of its fields changes. */
export const VIEW_FIELDS: readonly (keyof BoardView)[] = [
  "cells",
  "start",
  "end",
  "size",
  "isReady",
  "right",
  "mine",
  "taken",
  "refusal",
  "set",
];

const NO_OWNERS: Pick<BoardView, "mine" | "taken"> = { mine: new Map(), taken: new Set() };

/** One component should not render more elements. Draw more on a canvas, with `board.bitsOf`. */
export const RANGE_CELLS_MAX = 262_144;

export class RangeView implements Shown {
  readonly #source: BoardSource;
  readonly #start: number;
  readonly #end: number | undefined;
  /** Of the range; undefined once it has been loaded. */
  #initialBits: Uint8Array | undefined;
  readonly #serverView: BoardView;
  #view: BoardView;
  #listener: () => void = () => undefined;

  constructor(source: BoardSource, start: number, end: number | undefined, initialBits?: ArrayLike<number>) {
    const isRange = Number.isSafeInteger(start) && start >= 0 && (end === undefined || end > start);
    if (!isRange) throw new RangeError(`not a range of cells: ${start} … ${end}. Pass 0 <= start < end`);
    if (initialBits && end === undefined) throw new RangeError("initialBits needs the end of its range: pass end");
    this.#source = source;
    this.#start = start;
    this.#end = end;
    this.#initialBits = initialBits && Uint8Array.from(initialBits);
    this.#serverView = this.#viewOf(NO_BOARD);
    this.#view = this.#look();
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listener = listener;
    const hide = this.#source.show(this);
    // Cells may have changed since the constructor ran.
    this.refresh();
    return () => {
      this.#listener = () => undefined;
      hide();
    };
  };

  /** For the markup of a server, and while it is hydrated, whatever is loaded by then. */
  readonly getServerSnapshot = (): BoardView => this.#serverView;

  /** Throws a RangeError if the range is too large. React calls it while it renders. */
  readonly getSnapshot = (): BoardView => {
    const { start, end } = this.#clip(this.#view.size);
    if (end - start > RANGE_CELLS_MAX) {
      throw new RangeError(`useBoard shows at most ${RANGE_CELLS_MAX} cells, not ${end - start}. Pass start and end.`);
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
    if (!cells) return;
    const isReady = !this.#initialBits && isWhole(cells);
    this.#show({ ...this.#view, cells, isReady, ...ownersIn(this.#source.board, { start, end }) });
  }

  refresh(): void {
    this.#show(this.#look());
  }

  /** Lists that are equal stay the same objects. */
  #show(seen: BoardView): void {
    const before = this.#view;
    const view = {
      ...seen,
      cells: isEqual(seen.cells, before.cells) ? before.cells : seen.cells,
      mine: isEqual([...seen.mine].flat(), [...before.mine].flat()) ? before.mine : seen.mine,
      taken: isEqual([...seen.taken], [...before.taken]) ? before.taken : seen.taken,
    };
    if (VIEW_FIELDS.every((key) => view[key] === before[key])) return;
    this.#view = view;
    this.#listener();
  }

  /** Until the size is known, only a range with initial bits has cells. */
  #clip(size: number): CellRange {
    if (size === 0 && this.#initialBits && this.#end !== undefined) return { start: this.#start, end: this.#end };
    const end = Math.min(this.#end ?? size, size);
    return { start: Math.min(this.#start, end), end };
  }

  #look(): BoardView {
    return this.#viewOf(this.#source.board);
  }

  #viewOf(board: SourceBoard): BoardView {
    const { size, right } = board;
    const range = this.placed(size);
    const loaded = Array.from({ length: range.end - range.start }, (_, index) => board.get(range.start + index));
    const isReady = size > 0 && isWhole(loaded);
    if (isReady) this.#initialBits = undefined;
    const bits = this.#initialBits;
    const cells = bits ? loaded.map((cell, index) => cell ?? getBit(bits, index) === 1) : loaded;
    const refusal = board.failure ?? this.#source.refusalIn(range);
    return { ...range, size, right, refusal, set: this.#source.set, cells, isReady, ...ownersIn(board, range) };
  }
}

/** Ascending. */
function ownersIn(board: SourceBoard, { start, end }: CellRange): typeof NO_OWNERS {
  if (!board.claims) return NO_OWNERS;
  const mine = new Map<number, number | undefined>();
  const taken = new Set<number>();
  for (let cell = start; cell < end; cell++) {
    if (board.mine.has(cell)) mine.set(cell, board.mine.get(cell));
    else if (board.isTaken(cell)) taken.add(cell);
  }
  return { mine, taken };
}

function isWhole(cells: BoardView["cells"]): boolean {
  return !cells.includes(undefined);
}

function isEqual(one: readonly unknown[], other: readonly unknown[]): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index]);
}
