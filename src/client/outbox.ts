/*
 * The outbox: a user's changes on their way to the store. What is in it is shown at once, over the replica; it survives
 * reconnects, and each write is sent under one sequence number until its fate is known, so that it takes effect once.
 *
 *     set ──► queued ──take──► in flight (seq) ──acknowledged──► confirmed ──replica there──► gone
 *               ▲                    │ lost connection, outcome unknown: sent again, same seq, until its fate is told:
 *               │                    │ a refusal then speaks of the new attempt, and says nothing of the first
 *               ├── refused, retry ──┤
 *               ├── others refused ──┤ under a new number, unless an earlier attempt may have taken effect
 *                                    └ refused for good: gone, and shown as it was
 *
 * A write is of one page, and so all or nothing. It has any number of independent changes, or one unit of `setAll`, whose
 * cells share one fate. Several changes to a queued cell become one; the last wins, and all who wait hear its fate. A cell is
 * in one write in flight at most, so a user's changes of it take effect in the order in which they were made.
 *
 * Pure: no clock, no I/O.
 */

import type { Bit } from "../board/bitmap.js";
import { pageOf } from "../board/geometry.js";
import type { CellChanges } from "../board/steps.js";
import { Refusal } from "../protocol/errors.js";
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

/** What has one fate: one change, or the cells of a `setAll`. */
interface Unit {
  readonly page: number;
  readonly ops: readonly Op[];
  /** Has a write to itself. */
  readonly isWhole: boolean;
  /** Too large for one write, it may be cut. */
  readonly canSplit: boolean;
  /** Shares a write with its like alone: after a write that was refused without a word on which of its cells. */
  readonly part: Part | undefined;
}

interface Part {
  /** Shared by all parts of one write. */
  readonly budget: { refusals: number };
}

export interface OutboxWrite {
  readonly seq: number;
  readonly changes: CellChanges;
}

interface InFlight {
  units: readonly Unit[];
  /** Whether it is on the present connection. */
  isSent: boolean;
  /** An earlier attempt may have had its effect, or have it yet. */
  isUncertain: boolean;
}

/**
 * So often may a write and its parts be refused without a list of cells and be halved. After that
 * a part is given up whole: a server ends a connection on which too much is refused. Enough to find
 * any cells among 17; a write is refused at most 33 times.
 */
const HALVINGS_MAX = 16;

export class Outbox {
  /** The newest change to each cell that is not settled yet. */
  readonly #newest = new Map<number, Op>();
  /** Page -> what waits, in the order in which it is to be sent. */
  readonly #queues = new Map<number, Set<Unit>>();
  /** The last single change to a cell that waits. */
  readonly #singles = new Map<number, Unit>();
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

  /** Calls of `set`, and cells of `setAll`, whose fate is open; several may wait for one change. */
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
    const queued = this.#singleOf(cell);
    if (queued) {
      queued.value = value;
      queued.sinceMs = nowMs;
      queued.settles.push(settle);
      return;
    }
    const op: Op = { cell, value, sinceMs: nowMs, settles: [settle] };
    this.#newest.set(cell, op);
    const unit: Unit = { page: pageOf(cell), ops: [op], isWhole: false, canSplit: false, part: undefined };
    this.#singles.set(cell, unit);
    this.#queue(unit);
  }

  /** Cells of one page, each once, that are committed together or not at all; `settle` is told of each. */
  setAll(changes: CellChanges, canSplit: boolean, nowMs: number, settle: Settle): void {
    this.#waiting += changes.length;
    const ops = changes.map(([cell, value]): Op => ({ cell, value, sinceMs: nowMs, settles: [settle] }));
    for (const op of ops) this.#newest.set(op.cell, op);
    const [[first] = [0]] = changes;
    this.#queue({ page: pageOf(first), ops, isWhole: true, canSplit, part: undefined });
  }

  /** The board has `size` cells, and a write at most `cellsMax`: cuts what may be cut, and gives up what does not fit. */
  fit(size: number, cellsMax: number): { readonly refusal: Refusal; readonly dropped: Dropped[] }[] {
    const unfit: { readonly refusal: Refusal; readonly dropped: Dropped[] }[] = [];
    for (const [page, queue] of this.#queues) {
      const fitting = [...queue].flatMap((unit) => {
        const cells = unit.ops.flatMap(({ cell }) => (cell >= size ? cell : []));
        if (cells.length === 0 && unit.ops.length <= cellsMax) return unit;
        if (cells.length === 0 && unit.canSplit) return cut(unit, cellsMax);
        const refusal = cells.length > 0 ? new Refusal("CELL_OUT_OF_RANGE", { cells }) : new Refusal("NEEDS_SPLIT");
        unfit.push({ refusal, dropped: this.#drop([unit], refusal) });
        return [];
      });
      this.#replace(page, fitting);
    }
    // Of a cell that was dropped an earlier change may wait still, and is shown again.
    for (const { dropped } of unfit) for (const { cell } of dropped) this.#findNewest(cell);
    return unfit;
  }

  /** The next write to send: up to `cellsMax` independent changes, while fewer than `windowMax` numbers are open. */
  take(cellsMax: number, windowMax: number): OutboxWrite | undefined {
    const [oldest] = this.#inFlight.keys();
    if (oldest !== undefined && this.#seq + 1 - oldest >= windowMax) return undefined;
    for (const [page, queue] of this.#queues) {
      const units = this.#pick(queue, cellsMax);
      if (units.length === 0) continue;
      for (const unit of units) {
        queue.delete(unit);
        for (const { cell } of unit.ops) {
          this.#cellsInFlight.add(cell);
          if (this.#singles.get(cell) === unit) this.#singles.delete(cell);
        }
      }
      // The other pages go first next time.
      this.#queues.delete(page);
      if (queue.size > 0) this.#queues.set(page, queue);
      const seq = ++this.#seq;
      this.#inFlight.set(seq, { units, isSent: true, isUncertain: false });
      return { seq, changes: changesOf(units) };
    }
    return undefined;
  }

  /** Writes to send again, oldest first; they then count as sent. */
  takeUnsent(): OutboxWrite[] {
    const writes: OutboxWrite[] = [];
    for (const [seq, write] of this.#inFlight) {
      if (write.isSent) continue;
      write.isSent = true;
      writes.push({ seq, changes: changesOf(write.units) });
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
    for (const op of opsOf(this.#close(seq))) {
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
   * another attempt may have taken effect: under a new one it could do so twice. `inParts` if perhaps only some of its
   * cells are to blame: then these hold up the others no longer.
   */
  requeue(seq: number, inParts = false): void {
    if (this.#inFlight.get(seq)?.isUncertain) {
      this.unsettled(seq);
      return;
    }
    const units = this.#close(seq);
    this.#putBack(inParts ? (halved(units) ?? units) : units);
  }

  /**
   * Refused for good: the cells that `error` names, or all if it names none. The other units are sent again, under the rule
   * of `requeue` for their number. If `isUnclear`, some cells are to blame but none were named: halves of the write are
   * tried. Returns the cells that show something else now.
   */
  refused(seq: number, error: Refusal, isUnclear = false): Dropped[] {
    const write = this.#inFlight.get(seq);
    if (!write) return [];
    const named = new Set(error.cells);
    let { yes: blamed, no: rest } = divide(write.units, ({ ops }) => ops.some(({ cell }) => named.has(cell)));
    if (blamed.length === 0) [blamed, rest] = [rest, []];
    const halves = isUnclear && !write.isUncertain ? halved(blamed) : undefined;
    if (halves) [blamed, rest] = [[], halves];
    if (write.isUncertain && rest.length > 0) {
      write.units = rest;
      for (const { cell } of opsOf(blamed)) this.#cellsInFlight.delete(cell);
      this.unsettled(seq);
    } else {
      this.#close(seq);
      this.#putBack(rest);
    }
    return this.#drop(blamed, error);
  }

  /** Gives up what has waited since before `beforeMs`. */
  expire(beforeMs: number, error: Refusal): Dropped[] {
    const isOld = ({ ops }: Unit) => ops.every(({ sinceMs }) => sinceMs < beforeMs);
    const dropped: Dropped[] = [];
    for (const [page, queue] of this.#queues) {
      const { yes: old, no: young } = divide([...queue], isOld);
      if (old.length === 0) continue;
      this.#replace(page, young);
      dropped.push(...this.#drop(old, error));
    }
    for (const [seq, { units }] of this.#inFlight) {
      // It may yet get through: as long as that is worth waiting for to one of its changes, the old ones wait with it.
      if (units.every(isOld)) dropped.push(...this.refused(seq, error));
    }
    return dropped;
  }

  /** The replica of `page` is at `version`: what is in it is no longer the outbox's to show. */
  reached(page: number, version: number): Dropped[] {
    return this.#notNewer(this.#confirmed.reached(page, version));
  }

  /** Whether something committed is not in the replica of `page` yet. */
  isAwaited(page: number): boolean {
    return this.#confirmed.has(page);
  }

  /** `page` was followed for another second, and its instance heard: what it still has not reached was lost by the store. */
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

  #queue(unit: Unit): void {
    const queue = this.#queues.get(unit.page) ?? new Set();
    this.#queues.set(unit.page, queue.add(unit));
  }

  /** The change to the cell that a later one may be merged into. */
  #singleOf(cell: number): Op | undefined {
    const op = this.#singles.get(cell)?.ops[0];
    return op && op === this.#newest.get(cell) ? op : undefined;
  }

  /** What of a page's queue may go together now, in order. */
  #pick(queue: ReadonlySet<Unit>, cellsMax: number): Unit[] {
    const picked: Unit[] = [];
    /** Of units that are passed over: no later change may overtake them. */
    const passed = new Set<number>();
    for (const unit of queue) {
      const [first = unit] = picked;
      const fits = picked.length === 0 || (!unit.isWhole && unit.part === first.part);
      const mustWait = unit.ops.some(({ cell }) => this.#cellsInFlight.has(cell) || passed.has(cell));
      if (!fits || mustWait) for (const { cell } of unit.ops) passed.add(cell);
      else picked.push(unit);
      if (first.isWhole ? picked.length > 0 : picked.length === cellsMax) break;
    }
    return picked;
  }

  /** First in the queue, in their order; a change that the user has replaced since goes with the one in its stead. */
  #putBack(units: readonly Unit[]): void {
    const [first] = units;
    if (!first) return;
    const back = units.filter((unit) => {
      const [op] = unit.ops;
      if (!op || unit.isWhole) return true;
      const later = this.#singleOf(op.cell);
      later?.settles.push(...op.settles);
      if (!this.#singles.has(op.cell)) this.#singles.set(op.cell, unit);
      return !later;
    });
    this.#replace(first.page, [...back, ...(this.#queues.get(first.page) ?? [])]);
  }

  #replace(page: number, units: readonly Unit[]): void {
    if (units.length > 0) this.#queues.set(page, new Set(units));
    else this.#queues.delete(page);
  }

  #findNewest(cell: number): void {
    const units = [...this.#inFlight.values()].flatMap((write) => write.units);
    for (const op of opsOf([...units, ...(this.#queues.get(pageOf(cell)) ?? [])])) {
      if (op.cell === cell) this.#newest.set(cell, op);
    }
  }

  #close(seq: number): readonly Unit[] {
    const { units } = this.#inFlight.get(seq) ?? { units: [] };
    this.#inFlight.delete(seq);
    for (const { cell } of opsOf(units)) this.#cellsInFlight.delete(cell);
    return units;
  }

  #drop(units: readonly Unit[], error: Refusal): Dropped[] {
    return opsOf(units).flatMap((op) => {
      this.#settle(op, error);
      if (this.#singles.get(op.cell)?.ops[0] === op) this.#singles.delete(op.cell);
      if (this.#newest.get(op.cell) !== op) return [];
      this.#newest.delete(op.cell);
      return { cell: op.cell, value: op.value };
    });
  }
}

function opsOf(units: readonly Unit[]): Op[] {
  return units.flatMap(({ ops }) => ops);
}

function changesOf(units: readonly Unit[]): CellChanges {
  return opsOf(units).map(({ cell, value }) => [cell, value]);
}

function divide(units: readonly Unit[], is: (unit: Unit) => boolean): { yes: readonly Unit[]; no: readonly Unit[] } {
  return { yes: units.filter(is), no: units.filter((unit) => !is(unit)) };
}

/** The units in two parts, each with writes of its own; undefined if they cannot be parted, or were too often. */
function halved(units: readonly Unit[]): Unit[] | undefined {
  const budget = units[0]?.part?.budget ?? { refusals: HALVINGS_MAX };
  if (units.length < 2 || budget.refusals === 0) return undefined;
  budget.refusals--;
  const [one, other]: [Part, Part] = [{ budget }, { budget }];
  return units.map((unit, index) => ({ ...unit, part: index < units.length / 2 ? one : other }));
}

function cut(unit: Unit, cellsMax: number): Unit[] {
  const units: Unit[] = [];
  for (let at = 0; at < unit.ops.length; at += cellsMax) {
    units.push({ ...unit, ops: unit.ops.slice(at, at + cellsMax) });
  }
  return units;
}
