/*
 * What all components that show one board of one client share: one listener of the board, which finds the ranges that a
 * change concerns, and the watches of their pages. It listens while there are ranges.
 */

import { PAGE_CELLS, pageOf } from "../board/geometry.js";
import type { Board, CellChange, CellRange } from "../client/board.js";
import type { Clock } from "../protocol/clock.js";
import { type Refusal, refusalOf } from "../protocol/errors.js";
import { PageWatches } from "./page-watches.js";

/** A range that is shown. */
export interface Shown {
  /** In cells of the board, once its size is known. */
  placed(size: number): CellRange;
  /** These cells of the board, among them some of the range, show another value. */
  changed(changes: readonly CellChange[]): void;
  /** Size, right, failure or what can be read may be another. */
  refresh(): void;
}

/** What is needed of a client's board. */
export type SourceBoard = Pick<Board, "name" | "ready" | "size" | "right" | "failure" | "get" | "set" | "watch" | "on">;

/** A change looks for ranges among those of its bucket. */
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
  /** Pages that cannot be had. */
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

  /** Sets a cell. Whoever does not look at the promise hears of a refusal by the board's event, and sees the cell put back. */
  readonly set = (cell: number, value: boolean): Promise<void> => {
    const settled = this.board.set(cell, value);
    settled.catch(() => undefined);
    return settled;
  };

  /** Tells `shown` until the returned function is called. */
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

  /** Why a page of the range cannot be had, if one cannot. */
  refusalIn({ start, end }: CellRange): Refusal | undefined {
    if (this.#refused.size === 0 || end <= start) return undefined;
    for (let page = pageOf(start); page <= pageOf(end - 1); page++) {
      const refusal = this.#refused.get(page);
      if (refusal) return refusal;
    }
    return undefined;
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
      for (const shown of this.#buckets.get(bucketOf(cell)) ?? []) concerned.add(shown);
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
    const pages: number[] = [];
    for (let page = pageOf(range.start); page * PAGE_CELLS < range.end; page++) pages.push(page);
    for (const page of pages) this.#holds.hold(page);
    this.#forget(shown, before);
    this.#shown.set(shown, { range, pages });
    for (let bucket = bucketOf(range.start); bucket * BUCKET_CELLS < range.end; bucket++) {
      const others = this.#buckets.get(bucket) ?? new Set();
      this.#buckets.set(bucket, others.add(shown));
    }
  }

  #forget(shown: Shown, place: Place | undefined): void {
    if (!place) return;
    for (const page of place.pages) this.#holds.release(page);
    const { start, end } = place.range;
    for (let bucket = bucketOf(start); bucket * BUCKET_CELLS < end; bucket++) {
      const others = this.#buckets.get(bucket);
      others?.delete(shown);
      if (others?.size === 0) this.#buckets.delete(bucket);
    }
  }
}

function bucketOf(cell: number): number {
  return Math.floor(cell / BUCKET_CELLS);
}
