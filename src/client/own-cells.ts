/*
 * The user's own cells of the watched pages, on a board with claims, as the instance reported them.
 * Leases are renewed in time: checking one's own cell again starts its lease again.
 */

import { pageOf } from "../board/geometry.js";
import { type Cancel, type Clock, every } from "../protocol/clock.js";
import type { Mine, OpenResult } from "../protocol/events.js";
import type { Board } from "./board.js";

/** A lease is renewed this often while it lasts, so that one lost renewal does no harm. */
const RENEWALS = 3;

export class OwnCells {
  /** Cell -> when its hold ends, in ms since 1970. */
  readonly cells = new Map<number, number | undefined>();
  readonly #clock: Clock;
  readonly #board: Pick<Board, "get" | "set">;
  readonly #renewing = new Set<number>();
  #leaseMs = 0;
  #stop: Cancel | undefined;

  constructor(clock: Clock, board: Pick<Board, "get" | "set">) {
    this.#clock = clock;
    this.#board = board;
  }

  opened({ claims }: OpenResult): void {
    const leaseMs = claims?.isLease ? claims.ms : 0;
    if (leaseMs === this.#leaseMs) return;
    this.close();
    this.#leaseMs = leaseMs;
    if (leaseMs > 0) this.#stop = every(this.#clock, leaseMs / RENEWALS, () => this.#renewAll());
  }

  /** True if anything may have changed. */
  receive({ page, cells, gone }: Mine): boolean {
    const before = this.cells.size;
    if (!gone) this.forget(page);
    for (const cell of gone ?? []) this.cells.delete(cell);
    const nowMs = Date.now();
    for (const [cell, leftMs] of cells) this.cells.set(cell, leftMs === null ? undefined : nowMs + leftMs);
    return cells.length > 0 || this.cells.size !== before;
  }

  forget(page: number): void {
    for (const cell of this.cells.keys()) if (pageOf(cell) === page) this.cells.delete(cell);
  }

  close(): void {
    this.#stop?.();
  }

  #renewAll(): void {
    const endMs = Date.now() + this.#leaseMs;
    for (const [cell, knownMs] of this.cells) {
      // It has no end, or the user is giving it back, or the last renewal is on its way.
      if (knownMs === undefined || !this.#board.get(cell) || this.#renewing.has(cell)) continue;
      this.cells.set(cell, Math.max(knownMs, endMs));
      const settled = () => this.#renewing.delete(cell);
      this.#renewing.add(cell);
      this.#board.set(cell, true).then(settled, settled);
    }
  }
}
