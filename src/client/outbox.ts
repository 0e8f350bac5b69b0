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
 * Pure: no clock, no I/O. Several changes to a queued cell become one; the last wins, and all who wait hear its fate.
 */

import type { Bit } from "../board/bitmap.js";
import { pageOf } from "../board/geometry.js";
import type { Refusal } from "../protocol/errors.js";

/** Told the fate of a change: undefined once it is committed, else why not. */
export type Settle = (error?: Refusal) => void;

interface Op {
  readonly cell: number;
  value: Bit;
  readonly sinceMs: number;
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

/** A committed change that the replica does not have yet. */
interface Confirmed {
  readonly value: Bit;
  readonly version: number;
  /** How often `waited` was said of it. */
  waits: number;
}

/** So often may it be said that the page was waited for, before a confirmed change is taken for lost. */
const WAITS_MAX = 5;

/** A cell no longer held by the outbox, with what it showed. */
export interface Dropped {
  readonly cell: number;
  readonly value: Bit;
}

export class Outbox {
  /** The newest change to each cell that is not settled yet. */
  readonly #newest = new Map<number, Op>();
  readonly #queued = new Map<number, Op>();
  /** Of cells with changes whose fate is open: the last wish, whatever became of it, and how many are open. */
  readonly #wished = new Map<number, { value: Bit; open: number }>();
  readonly #inFlight = new Map<number, InFlight>();
  /** page -> cell -> committed value and the version that has it, until the replica gets there. */
  readonly #confirmed = new Map<number, Map<number, Confirmed>>();
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
    return this.#newest.get(cell)?.value ?? this.#confirmed.get(pageOf(cell))?.get(cell)?.value;
  }

  /** All that the outbox shows on a page. */
  *shownOn(page: number): Iterable<readonly [cell: number, value: Bit]> {
    for (const [cell, { value }] of this.#confirmed.get(page) ?? []) if (!this.#newest.has(cell)) yield [cell, value];
    for (const [cell, { value }] of this.#newest) if (pageOf(cell) === page) yield [cell, value];
  }

  set(cell: number, value: Bit, nowMs: number, settle: Settle): void {
    this.#waiting++;
    const wished = this.#wished.get(cell) ?? { value, open: 0 };
    this.#wished.set(cell, wished);
    wished.value = value;
    const queued = this.#queued.get(cell);
    if (queued) {
      queued.value = value;
      queued.settles.push(settle);
      return;
    }
    const op: Op = { cell, value, sinceMs: nowMs, settles: [settle] };
    wished.open++;
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
      ops.push(op);
      this.#queued.delete(op.cell);
    }
    const seq = ++this.#seq;
    this.#inFlight.set(seq, { ops, isSent: true, isUncertain: false });
    return { seq, changes: ops.map(({ cell, value }) => [cell, value]) };
  }

  /**
   * Writes to send again, oldest first; they then count as sent. If the first sending took effect, the second has none. If
   * it did not, the second must not undo what the user has changed since, so it says the newest wish of each cell.
   */
  takeUnsent(): OutboxWrite[] {
    const writes: OutboxWrite[] = [];
    for (const [seq, write] of this.#inFlight) {
      if (write.isSent) continue;
      write.isSent = true;
      writes.push({ seq, changes: write.ops.map(({ cell, value }) => [cell, this.#wished.get(cell)?.value ?? value]) });
    }
    return writes;
  }

  /** The connection is gone: nothing in flight has an answer coming, and no page is followed. */
  disconnected(): void {
    for (const seq of this.#inFlight.keys()) this.unsettled(seq);
    for (const cells of this.#confirmed.values()) for (const confirmed of cells.values()) confirmed.waits = 0;
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
        if (version !== undefined) this.#confirm(op, version);
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
      else if (newest) {
        newest.settles.push(...op.settles);
        this.#forget(op);
      } else this.#settle(op);
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
    return this.#release(page, (confirmed) => confirmed.version <= version);
  }

  /**
   * The page was followed for another second. A change that it still has not reached was lost by the store after it was
   * acknowledged (a replica took over that lacked it): the version that had it may never come, and must not be waited for.
   */
  waited(page: number): Dropped[] {
    return this.#release(page, (confirmed) => ++confirmed.waits > WAITS_MAX);
  }

  /** Confirmed changes that are no longer the outbox's to show. */
  #release(page: number, isOver: (confirmed: Confirmed) => boolean): Dropped[] {
    const cells = this.#confirmed.get(page);
    if (!cells) return [];
    const dropped: Dropped[] = [];
    for (const [cell, confirmed] of cells) {
      if (!isOver(confirmed)) continue;
      cells.delete(cell);
      if (!this.#newest.has(cell)) dropped.push({ cell, value: confirmed.value });
    }
    if (cells.size === 0) this.#confirmed.delete(page);
    return dropped;
  }

  #confirm(op: Op, version: number): void {
    const page = pageOf(op.cell);
    const cells = this.#confirmed.get(page) ?? new Map<number, Confirmed>();
    this.#confirmed.set(page, cells);
    cells.set(op.cell, { value: op.value, version, waits: 0 });
  }

  #settle(op: Op, error?: Refusal): void {
    this.#waiting -= op.settles.length;
    this.#forget(op);
    for (const settle of op.settles) settle(error);
  }

  /** The change's fate is known, or is that of a later one. */
  #forget({ cell }: Op): void {
    const wished = this.#wished.get(cell);
    if (wished && --wished.open === 0) this.#wished.delete(cell);
  }

  #close(seq: number): readonly Op[] {
    const write = this.#inFlight.get(seq);
    this.#inFlight.delete(seq);
    return write?.ops ?? [];
  }

  #drop(op: Op, error: Refusal): Dropped[] {
    this.#settle(op, error);
    if (this.#newest.get(op.cell) !== op) return [];
    this.#newest.delete(op.cell);
    return [{ cell: op.cell, value: op.value }];
  }
}
