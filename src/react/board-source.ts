/*
 * What all components that show one board share: one listener of the board, which finds the ranges that
 * a change concerns, and the watches of their pages. It listens while there are ranges.
 */

import { pagesBetween } from "../board/geometry.js";
import type { Board, CellChange, CellRange } from "../client/board.js";
import type { Clock } from "../protocol/clock.js";
import { type Refusal, refusalOf } from "../protocol/errors.js";
import { PageWatches } from "./page-watches.js";

/** A range that is shown. */
export interface Shown {
  /** The cells of the range on a board of `size` cells. */
  placed(size: number): CellRange;
  /** Some of these cells may be in the range. */
  changed(changes: readonly CellChange[]): void;
  /** Size, right, failure or readable cells may have changed. */
  refresh(): void;
}

export type SourceBoard = Pick<Board, "name" | "ready" | "size" | "right" | "failure" | "get" | "set" | "watch" | "on">;

/** A change looks for ranges in its bucket only. */
const BUCKET_CELLS = 256;

interface Place {
  readonly range: CellRange;
  readonly pages: readonly number[];
}

export class BoardSource {
  readonly board: SourceBoard;
  readonly #shown = new Map<Shown, Place | undefined>();
  readonly #buckets = new Map<number, Set<Shown>>();
  readonly #holds: PageWatches;
  readonly #refused = new Map<number, Refusal>();
  #stops: (() => void)[] = [];
  #size = 0;

  constructor(board: SourceBoard, clock: Clock) {
    this.board = board;
    this.#holds = new PageWatches(board, clock, (page, error) => {
      if (error === undefined) this.#refused.delete(page);
      else this.#refused.set(page, refusalOf(error));
      this.#refreshAll();
    });
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
      if (this.#shown.size === 0) this.#deafen();
    };
  }

  /** Why a page of the range was refused, if one was. */
  refusalIn({ start, end }: CellRange): Refusal | undefined {
    const refused = pagesBetween(start, end).find((page) => this.#refused.has(page));
    return refused === undefined ? undefined : this.#refused.get(refused);
  }

  #listen(): void {
    this.#size = this.board.size;
    this.#stops = [
      this.board.on("change", (changes) => this.#changed(changes)),
      this.board.on("status", () => this.#refreshAll()),
      this.board.on("right", () => this.#refreshAll()),
    ];
  }

  #deafen(): void {
    for (const stop of this.#stops) stop();
    this.#stops = [];
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
    for (const page of pages) this.#holds.hold(page);
    this.#forget(shown, before);
    this.#shown.set(shown, { range, pages });
    for (const bucket of bucketsOf(range)) {
      const others = this.#buckets.get(bucket) ?? new Set();
      this.#buckets.set(bucket, others.add(shown));
    }
  }

  #forget(shown: Shown, place: Place | undefined): void {
    if (!place) return;
    for (const page of place.pages) this.#holds.release(page);
    for (const bucket of bucketsOf(place.range)) {
      const others = this.#buckets.get(bucket);
      others?.delete(shown);
      if (others?.size === 0) this.#buckets.delete(bucket);
    }
  }
}

function* bucketsOf({ start, end }: CellRange): Iterable<number> {
  for (let bucket = Math.floor(start / BUCKET_CELLS); bucket * BUCKET_CELLS < end; bucket++) yield bucket;
}
