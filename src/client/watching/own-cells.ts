/*
 * The user's own cells of the watched pages, on a board with claims, as the instance reported them.
 * Leases are renewed in time: checking one's own cell again starts its lease again.
 */

import { pageOf } from "../../board/geometry.js";
import type { CellChanges } from "../../board/steps.js";
import { type Cancel, type Clock, every } from "../../protocol/clock.js";
import type { Mine, OpenResult, WriteResult } from "../../protocol/events.js";
import type { Board } from "../api/board.js";

/** A lease is renewed this often while it lasts, so that one lost renewal does no harm. */
const RENEWALS = 3;
/** An instance that hears of a commit late finds it out by its checks in less time. */
const REPORT_MS_MAX = 5_000;

export class OwnCells {
  /** Cell -> when its hold ends, in ms since 1970. */
  readonly cells = new Map<number, number | undefined>();
  /** Page -> the version of its last report. */
  readonly #known = new Map<number, number>();
  readonly #clock: Clock;
  readonly #board: Pick<Board, "get" | "isPending" | "set">;
  readonly #changed: () => void;
  /** Committed cell that the instance has not reported yet -> ends the wait for the report. */
  readonly #unreported = new Map<number, Cancel>();
  readonly #renewing = new Set<number>();
  /**
   * Cell that this client has given back -> when that may be forgotten. A failover may undo it, and
   * then reports have the cell again. Without renewals, the lease of the cell ends by then.
   */
  readonly #givenBack = new Map<number, number>();
  #rule: OpenResult["claims"];
  #stop: Cancel | undefined;

  constructor(clock: Clock, board: Pick<Board, "get" | "isPending" | "set">, changed: () => void = () => undefined) {
    this.#clock = clock;
    this.#board = board;
    this.#changed = changed;
  }

  opened({ claims }: OpenResult): void {
    const before = this.#rule;
    this.#rule = claims;
    if (claims?.ms === before?.ms && claims?.isLease === before?.isLease) return;
    this.close();
    if (claims?.isLease) this.#stop = every(this.#clock, claims.ms / RENEWALS, () => this.#renewAll(claims.ms));
  }

  /** The user's changes were committed. The report of them may come later, so it is not awaited. */
  committed(changes: CellChanges, at: WriteResult["at"]): boolean {
    const versions = new Map(at);
    let isChanged = false;
    for (const [cell, value] of this.#rule ? changes : []) {
      if (value === 1) this.#givenBack.delete(cell);
      else if (this.#rule?.isLease) this.#givenBack.set(cell, this.#clock.now() + this.#rule.ms);
      const known = this.#known.get(pageOf(cell));
      // A report of that version has it, and perhaps what became of it.
      if (known === undefined || known >= (versions.get(pageOf(cell)) ?? 0)) continue;
      if (this.cells.has(cell) === (value === 1)) continue;
      isChanged = true;
      if (value === 0) this.#delete(cell);
      else {
        this.cells.set(cell, this.#rule?.ms ? Date.now() + this.#rule.ms : undefined);
        this.#await(cell);
      }
    }
    return isChanged;
  }

  /** A failover may lose a claim of which the instance has never heard. Then no report comes. */
  #await(cell: number): void {
    const late = () => {
      this.#delete(cell);
      this.#changed();
    };
    this.#unreported.set(cell, this.#clock.after(REPORT_MS_MAX, late));
  }

  #reported(cell: number): void {
    this.#unreported.get(cell)?.();
    this.#unreported.delete(cell);
  }

  #delete(cell: number): void {
    this.cells.delete(cell);
    this.#reported(cell);
  }

  isTaken(cell: number): boolean {
    if (!this.#known.has(pageOf(cell)) || this.cells.has(cell)) return false;
    return this.#board.get(cell) === true && !this.#board.isPending(cell);
  }

  /** True if anything may have changed. */
  receive({ page, version, cells, gone }: Mine): boolean {
    const before = this.cells.size;
    if (!gone) this.forget(page);
    this.#known.set(page, version);
    for (const cell of gone ?? []) this.#delete(cell);
    const nowMs = Date.now();
    for (const [cell, leftMs] of cells) {
      this.cells.set(cell, leftMs === null ? undefined : nowMs + leftMs);
      this.#reported(cell);
    }
    return !gone || cells.length > 0 || this.cells.size !== before;
  }

  forget(page: number): void {
    this.#known.delete(page);
    for (const cell of this.cells.keys()) if (pageOf(cell) === page) this.#delete(cell);
  }

  close(): void {
    this.#stop?.();
    for (const cancel of this.#unreported.values()) cancel();
    this.#unreported.clear();
  }

  #renewAll(leaseMs: number): void {
    const endMs = Date.now() + leaseMs;
    const nowMs = this.#clock.now();
    for (const [cell, untilMs] of this.#givenBack) if (untilMs < nowMs) this.#givenBack.delete(cell);
    for (const [cell, knownMs] of this.cells) {
      // It has no end, or the user is giving it back or has done so, or a renewal is on its way.
      if (knownMs === undefined || !this.#board.get(cell) || this.#givenBack.has(cell)) continue;
      if (this.#renewing.has(cell)) continue;
      this.cells.set(cell, Math.max(knownMs, endMs));
      const settled = () => this.#renewing.delete(cell);
      this.#renewing.add(cell);
      this.#board.set(cell, true).then(settled, settled);
    }
  }
}
