/*
 * The outbox: a user's changes on their way to the store. What is in it is shown at once, over the replica; it survives
 * reconnects, and each write is sent under one sequence number until its fate is known, so that it takes effect once.
 *
 *     set ──► queued ──take──► in flight (seq) ──acknowledged──► confirmed ──replica there──► gone
 *               ▲                    │ lost connection, outcome unknown: sent again, same seq, until its fate is told:
 *               │                    │ a refusal then speaks of the new attempt, and says nothing of the first
 *               └── refused, retry ──┤
 *                                    └ refused for good: gone, and shown as it was
 *
 * Pure: no clock, no I/O. Several changes to a queued cell become one; the last wins, and all who wait hear its fate. A cell is
 * in one write in flight at most, so a user's changes of it take effect in the order in which they were made.
 */

import type { Bit } from "../board/bitmap.js";
import { pageOf } from "../board/geometry.js";
import type { Refusal } from "../protocol/errors.js";
import { Confirmed, type Dropped } from "./confirmed.js";

/** Told the fate of a change: undefined once it is committed, else why not. */
export type Settle = (error?: Refusal) => void;

interface Op {
  readonly cell: number;
  value: Bit;
  /** When it was last wished for. */
  sinceMs: number;
  readonly settles: Settle[];
}

export interface OutboxWrite {
  readonly seq: number;
  readonly changes: readonly (readonly [cell: number, value: Bit])[];
}

interface InFlight {
  readonly ops: readonly Op[];
  /** Whether it is on the present connection. */
  isSent: boolean;
  /** An earlier attempt may have had its effect, or have it yet. */
  isUncertain: boolean;
}

export class Outbox {
  /** The newest change to each cell that is not settled yet. */
  readonly #newest = new Map<number, Op>();
  readonly #queued = new Map<number, Op>();
  readonly #inFlight = new Map<number, InFlight>();
  /** Cells in flight. A later change of one waits: sent at once, it could be overtaken by an attempt at the earlier. */
  readonly #cellsInFlight = new Set<number>();
  readonly #confirmed = new Confirmed();
  #seq = 0;
  #waiting = 0;

  /** Changes not settled yet. */
  get size(): number {
    return this.#newest.size;
  }

  /** Calls of `set` whose fate is open; several may wait for one change. */
  get waiting(): number {
    return this.#waiting;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** What the outbox shows at `cell`, or undefined where the replica is to be asked. */
  shown(cell: number): Bit | undefined {
    return this.#newest.get(cell)?.value ?? this.#confirmed.get(cell);
  }

  /** All that the outbox shows on a page. */
  *shownOn(page: number): Iterable<readonly [cell: number, value: Bit]> {
    for (const [cell, value] of this.#confirmed.on(page)) if (!this.#newest.has(cell)) yield [cell, value];
    for (const [cell, { value }] of this.#newest) if (pageOf(cell) === page) yield [cell, value];
  }

  set(cell: number, value: Bit, nowMs: number, settle: Settle): void {
    this.#waiting++;
    const queued = this.#queued.get(cell);
    if (queued) {
      queued.value = value;
      queued.sinceMs = nowMs;
      queued.settles.push(settle);
      return;
    }
    const op: Op = { cell, value, sinceMs: nowMs, settles: [settle] };
    this.#newest.set(cell, op);
    this.#queued.set(cell, op);
  }

  /** The next write to send: up to `cellsMax` cells, while fewer than `windowMax` numbers are open. */
  take(cellsMax: number, windowMax: number): OutboxWrite | undefined {
    const [oldest] = this.#inFlight.keys();
    if (this.#queued.size === 0 || (oldest !== undefined && this.#seq + 1 - oldest >= windowMax)) return undefined;
    const ops: Op[] = [];
    for (const op of this.#queued.values()) {
      if (ops.length === cellsMax) break;
      if (this.#cellsInFlight.has(op.cell)) continue;
      ops.push(op);
      this.#queued.delete(op.cell);
    }
    if (ops.length === 0) return undefined;
    for (const op of ops) this.#cellsInFlight.add(op.cell);
    const seq = ++this.#seq;
    this.#inFlight.set(seq, { ops, isSent: true, isUncertain: false });
    return { seq, changes: changesOf(ops) };
  }

  /** Writes to send again, oldest first; they then count as sent. */
  takeUnsent(): OutboxWrite[] {
    const writes: OutboxWrite[] = [];
    for (const [seq, write] of this.#inFlight) {
      if (write.isSent) continue;
      write.isSent = true;
      writes.push({ seq, changes: changesOf(write.ops) });
    }
    return writes;
  }

  /** The connection is gone: nothing in flight has an answer coming, and no page is followed. */
  disconnected(): void {
    for (const seq of this.#inFlight.keys()) this.unsettled(seq);
    this.#confirmed.disconnected();
  }

  /** Outcome unknown: this write is to be sent again. */
  unsettled(seq: number): void {
    const write = this.#inFlight.get(seq);
    if (!write) return;
    write.isSent = false;
    write.isUncertain = true;
  }

  /** Committed; on each page it is in at the given version. */
  acknowledged(seq: number, at: ReadonlyMap<number, number>): void {
    for (const op of this.#close(seq)) {
      const version = at.get(pageOf(op.cell));
      if (this.#newest.get(op.cell) === op) {
        this.#newest.delete(op.cell);
        if (version !== undefined) this.#confirmed.add(op.cell, op.value, version);
      }
      this.#settle(op);
    }
  }

  /**
   * Refused, but it may be tried again: back to the queue, unless the user changed the cell since. Under its number, if
   * another attempt may have taken effect: under a new one it could do so twice.
   */
  requeue(seq: number): void {
    if (this.#inFlight.get(seq)?.isUncertain) {
      this.unsettled(seq);
      return;
    }
    for (const op of this.#close(seq)) {
      const newest = this.#newest.get(op.cell);
      if (newest === op) this.#queued.set(op.cell, op);
      else if (newest) newest.settles.push(...op.settles);
      else this.#settle(op);
    }
  }

  /** Refused for good. Returns the cells that show something else now. */
  refused(seq: number, error: Refusal): Dropped[] {
    return this.#close(seq).flatMap((op) => this.#drop(op, error));
  }

  /** Gives up what has waited since before `beforeMs`. */
  expire(beforeMs: number, error: Refusal): Dropped[] {
    const dropped: Dropped[] = [];
    for (const op of this.#queued.values()) {
      if (op.sinceMs >= beforeMs) continue;
      this.#queued.delete(op.cell);
      dropped.push(...this.#drop(op, error));
    }
    for (const [seq, { ops }] of this.#inFlight) {
      if (ops.every((op) => op.sinceMs < beforeMs)) dropped.push(...this.refused(seq, error));
    }
    return dropped;
  }

  /** The replica of `page` is at `version`: what is in it is no longer the outbox's to show. */
  reached(page: number, version: number): Dropped[] {
    return this.#notNewer(this.#confirmed.reached(page, version));
  }

  /** `page` was followed for another second: what it still has not reached was lost by the store. */
  waited(page: number): Dropped[] {
    return this.#notNewer(this.#confirmed.waited(page));
  }

  /** Where the user has changed a cell since, that is shown. */
  #notNewer(dropped: readonly Dropped[]): Dropped[] {
    return dropped.filter(({ cell }) => !this.#newest.has(cell));
  }

  #settle(op: Op, error?: Refusal): void {
    this.#waiting -= op.settles.length;
    for (const settle of op.settles) settle(error);
  }

  #close(seq: number): readonly Op[] {
    const write = this.#inFlight.get(seq);
    this.#inFlight.delete(seq);
    for (const { cell } of write?.ops ?? []) this.#cellsInFlight.delete(cell);
    return write?.ops ?? [];
  }

  #drop(op: Op, error: Refusal): Dropped[] {
    this.#settle(op, error);
    if (this.#newest.get(op.cell) !== op) return [];
    this.#newest.delete(op.cell);
    return [{ cell: op.cell, value: op.value }];
  }
}

function changesOf(ops: readonly Op[]): OutboxWrite["changes"] {
  return ops.map(({ cell, value }) => [cell, value]);
}
