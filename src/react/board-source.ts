/*
 * The part of a board that all its components share: one listener of the board, and one watch of
 * each page that they show. A watch outlives the last component by a moment. Components often
 * come and go together: a range that moves, StrictMode, a list that is rendered again.
 */

import { PAGE_CELLS, pagesBetween } from "../board/geometry.js";
import type { Board, CellChange, CellRange, Watch } from "../client/api/board.js";
import type { Cancel, Clock } from "../protocol/clock.js";
import { type Refusal, refusalOf } from "../protocol/refusal.js";

/** A range that is shown. */
export interface Shown {
  /** The cells of the range on a board of `size` cells. */
  placed(size: number): CellRange;
  /** Some of the changed cells may be in the range. */
  changed(changes: readonly CellChange[]): void;
  /** Size, right, failure, owners or readable cells may have changed. */
  refresh(): void;
}

export type SourceBoard = Pick<
  Board,
  "ready" | "size" | "right" | "claims" | "mine" | "isTaken" | "failure" | "get" | "set" | "watch" | "on"
>;

/** A change notifies only the ranges in its bucket, a block of this many cells. */
const BUCKET_CELLS = 256;
const LINGER_MS = 1_000;

interface Place {
  readonly range: CellRange;
  readonly pages: readonly number[];
}

interface HeldPage {
  readonly watch: Watch;
  holders: number;
  cancelStop: Cancel | undefined;
  refusal: Refusal | undefined;
}

export class BoardSource {
  readonly board: SourceBoard;
  readonly #clock: Clock;
  readonly #shown = new Map<Shown, Place | undefined>();
  readonly #buckets = new Map<number, Set<Shown>>();
  readonly #held = new Map<number, HeldPage>();
  #stops: (() => void)[] = [];
  #size = 0;

  constructor(board: SourceBoard, clock: Clock) {
    this.board = board;
    this.#clock = clock;
  }

  /** Sets a cell. The promise may go unhandled: a refusal is also an event, and resets the cell. */
  readonly set = (cell: number, value: boolean): Promise<void> => {
    const settled = this.board.set(cell, value);
    settled.catch(() => undefined);
    return settled;
  };

  /** Notifies `shown` until the returned function is called. */
  show(shown: Shown): () => void {
    if (this.#shown.size === 0) this.#listen();
    this.#shown.set(shown, undefined);
    if (this.board.size > 0) this.#place(shown);
    return () => {
      this.#forget(shown, this.#shown.get(shown));
      this.#shown.delete(shown);
      if (this.#shown.size === 0) for (const stop of this.#stops) stop();
    };
  }

  /** Why a page of the range was refused, if one was. */
  refusalIn({ start, end }: CellRange): Refusal | undefined {
    for (const page of pagesBetween(start, end)) {
      const refusal = this.#held.get(page)?.refusal;
      if (refusal) return refusal;
    }
    return undefined;
  }

  #listen(): void {
    this.#size = this.board.size;
    this.#stops = [
      this.board.on("change", (changes) => this.#changed(changes)),
      this.board.on("size", () => this.#refreshAll()),
      this.board.on("status", () => this.#refreshAll()),
      this.board.on("right", () => this.#refreshAll()),
      this.board.on("mine", () => this.#refreshAll()),
      this.board.on("refused", ({ code }) => code === "TAKEN" && this.#refreshAll()),
    ];
  }

  #changed(changes: readonly CellChange[]): void {
    const concerned = new Set<Shown>();
    for (const { cell } of changes) {
      for (const shown of this.#buckets.get(Math.floor(cell / BUCKET_CELLS)) ?? []) concerned.add(shown);
    }
    for (const shown of concerned) shown.changed(changes);
  }

  #refreshAll(): void {
    const { size } = this.board;
    for (const [shown, place] of this.#shown) {
      if (size > 0 && (!place || size !== this.#size)) this.#place(shown);
      shown.refresh();
    }
    this.#size = size;
  }

  #place(shown: Shown): void {
    const before = this.#shown.get(shown);
    const range = shown.placed(this.board.size);
    const pages = pagesBetween(range.start, range.end);
    for (const page of pages) this.#hold(page);
    this.#forget(shown, before);
    this.#shown.set(shown, { range, pages });
    for (const bucket of bucketsOf(range)) {
      const others = this.#buckets.get(bucket) ?? new Set();
      this.#buckets.set(bucket, others.add(shown));
    }
  }

  #forget(shown: Shown, place: Place | undefined): void {
    if (!place) return;
    for (const page of place.pages) this.#release(page);
    for (const bucket of bucketsOf(place.range)) {
      const others = this.#buckets.get(bucket);
      others?.delete(shown);
      if (others?.size === 0) this.#buckets.delete(bucket);
    }
  }

  #hold(page: number): void {
    const held = this.#held.get(page) ?? this.#watch(page);
    held.holders++;
    held.cancelStop?.();
  }

  #release(page: number): void {
    const held = this.#held.get(page);
    if (!held || --held.holders > 0) return;
    held.cancelStop = this.#clock.after(LINGER_MS, () => {
      this.#held.delete(page);
      held.watch.stop();
    });
  }

  #watch(page: number): HeldPage {
    const start = page * PAGE_CELLS;
    const watch = this.board.watch({ start, end: start + PAGE_CELLS });
    const held: HeldPage = { watch, holders: 0, cancelStop: undefined, refusal: undefined };
    this.#held.set(page, held);
    const settled = (error?: unknown) => {
      if (error !== undefined) held.refusal = refusalOf(error);
      if (this.#held.get(page) === held) this.#refreshAll();
    };
    watch.ready.then(() => settled(), settled);
    return held;
  }
}

function* bucketsOf({ start, end }: CellRange): Iterable<number> {
  for (let bucket = Math.floor(start / BUCKET_CELLS); bucket * BUCKET_CELLS < end; bucket++) yield bucket;
}
