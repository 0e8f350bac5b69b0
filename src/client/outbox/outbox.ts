/*
 * The outbox: a user's changes on their way to the store. They are shown immediately, over the
 * replica, and survive reconnects. A write keeps its sequence number until its fate is known, so
 * that it takes effect once.
 *
 *     set ──► queued ──take──► in flight (seq) ──acknowledged──► confirmed ──in the replica──► gone
 *               ▲                    │ lost connection, or outcome unknown: sent again, same seq.
 *               │                    │ A refusal then speaks of the new attempt, not of the first.
 *               ├── refused, retry ──┤
 *               ├── others refused ──┤ new seq, unless an earlier attempt may have taken effect
 *                                    └ refused finally: gone, and the cell is reset
 *
 * A write has one page, so it is all or nothing. It holds any number of independent changes, or the
 * cells of one `setAll`. A cell is in at most one write in flight. So a user's changes to it take
 * effect in the order in which they were made. Pure: no clock, no I/O.
 */

import type { Bit } from "../../board/bitmap.js";
import { pageOf } from "../../board/geometry.js";
import type { CellChanges } from "../../board/steps.js";
import { Refusal } from "../../protocol/refusal.js";
import { Confirmed, type Dropped } from "./confirmed.js";
import { InFlight, type OutboxWrite } from "./in-flight.js";
import type { MustWait } from "./kept-entries.js";
import { changesOf, cut, halved, type Op, opsOf, Queue, type Settle, type Unit } from "./queue.js";
import { type SavedOutbox, unitsIn } from "./saved-outbox.js";

export class Outbox {
  /** The newest change of each cell that is not settled yet. */
  readonly #newest = new Map<number, Op>();
  readonly #queue = new Queue((op) => this.#newest.get(op.cell) === op);
  readonly #inFlight = new InFlight();
  readonly #confirmed = new Confirmed();
  #seq = 0;
  #waiting = 0;

  /** Changes that are not settled yet. */
  get size(): number {
    return this.#newest.size;
  }

  /**
   * Calls to `set`, and cells of `setAll`, that are not settled yet. Several may share one change.
   */
  get waiting(): number {
    return this.#waiting;
  }

  get inFlight(): number {
    return this.#inFlight.size;
  }

  /** All that is not settled yet; undefined if there is nothing. */
  get saved(): SavedOutbox | undefined {
    if (this.#waiting === 0) return undefined;
    return { seq: this.#seq, inFlight: this.#inFlight.all, queued: this.#queue.all };
  }

  /** Takes over what another outbox saved. Any of its writes in flight may have arrived. */
  restore(saved: SavedOutbox, settle: Settle): void {
    const { seq, inFlight, queued } = saved;
    this.#seq = seq;
    for (const { settles } of opsOf(unitsIn(saved))) settles.push(settle);
    for (const [number, units] of inFlight) {
      for (const unit of units) this.#enter(unit);
      this.#inFlight.add(number, units, true);
    }
    for (const unit of queued) this.#add(unit);
  }

  /** The value to show at `cell`; undefined to show the replica's. */
  shown(cell: number): Bit | undefined {
    return this.#newest.get(cell)?.value ?? this.#confirmed.get(cell);
  }

  /** All changes to show on a page. */
  *shownOn(page: number): Iterable<readonly [cell: number, value: Bit]> {
    for (const [cell, value] of this.#confirmed.on(page)) if (!this.#newest.has(cell)) yield [cell, value];
    for (const [cell, { value }] of this.#newest) if (pageOf(cell) === page) yield [cell, value];
  }

  set(cell: number, value: Bit, nowMs: number, settle: Settle): void {
    const queued = this.#queue.single(cell);
    if (!queued) {
      const ops = [{ cell, value, sinceMs: nowMs, settles: [settle] }];
      this.#add({ page: pageOf(cell), ops, isWhole: false, canSplit: false, part: undefined });
      return;
    }
    this.#waiting++;
    queued.value = value;
    queued.sinceMs = nowMs;
    queued.settles.push(settle);
  }

  /** The cells lie on one page, each once, and share one fate. `settle` is called for each. */
  setAll(changes: CellChanges, canSplit: boolean, nowMs: number, settle: Settle): void {
    const ops = changes.map(([cell, value]): Op => ({ cell, value, sinceMs: nowMs, settles: [settle] }));
    const [[first] = [0]] = changes;
    this.#add({ page: pageOf(first), ops, isWhole: true, canSplit, part: undefined });
  }

  /** Cuts or drops units that do not fit a board of `size` cells, or a write of `cellsMax`. */
  fit(size: number, cellsMax: number): { readonly refusal: Refusal; readonly dropped: Dropped[] }[] {
    const unfit: { readonly refusal: Refusal; readonly dropped: Dropped[] }[] = [];
    this.#queue.revise((unit) => {
      const cells = unit.ops.flatMap(({ cell }) => (cell >= size ? cell : []));
      if (cells.length === 0 && unit.ops.length <= cellsMax) return unit;
      if (cells.length === 0 && unit.canSplit) return cut(unit, cellsMax);
      const refusal = cells.length > 0 ? new Refusal("CELL_OUT_OF_RANGE", { cells }) : new Refusal("NEEDS_SPLIT");
      unfit.push({ refusal, dropped: this.#drop([unit], refusal) });
      return [];
    });
    // An earlier change of a dropped cell may still wait. It is shown again.
    for (const { dropped } of unfit) for (const { cell } of dropped) this.#findNewest(cell);
    return unfit;
  }

  /**
   * The next write, of at most `cellsMax` cells, if fewer than `windowMax` numbers are open. It has
   * no change that must wait.
   */
  take(cellsMax: number, windowMax: number, mustWait: MustWait = () => false): OutboxWrite | undefined {
    const { oldest = this.#seq + 1 } = this.#inFlight;
    if (this.#seq + 1 - oldest >= windowMax) return undefined;
    const units = this.#queue.take(cellsMax, (op) => this.#inFlight.cells.has(op.cell) || mustWait(op));
    if (units.length === 0) return undefined;
    const seq = ++this.#seq;
    this.#inFlight.add(seq, units);
    return { seq, changes: changesOf(units) };
  }

  /** The writes to send again, oldest first. */
  takeUnsent(): OutboxWrite[] {
    return this.#inFlight.takeUnsent();
  }

  disconnected(): void {
    this.#inFlight.disconnected();
    this.#confirmed.disconnected();
  }

  /** The outcome is unknown, so the write must be sent again. */
  unsettled(seq: number): void {
    this.#inFlight.unsettled(seq);
  }

  /** Committed: `at` has the version at which each page has the write. */
  acknowledged(seq: number, at: ReadonlyMap<number, number>): void {
    for (const op of opsOf(this.#inFlight.close(seq))) {
      const version = at.get(pageOf(op.cell));
      if (this.#newest.get(op.cell) === op) {
        this.#newest.delete(op.cell);
        if (version !== undefined) this.#confirmed.add(op.cell, op.value, version);
      }
      this.#settle(op);
    }
  }

  /**
   * Refused, but may be tried again, so it goes back to the queue. If another attempt may have
   * taken effect, it keeps its number, or it could take effect twice. `inParts` halves the write,
   * so that cells to blame do not hold up the others.
   */
  requeue(seq: number, inParts = false): void {
    if (this.#inFlight.get(seq)?.isUncertain) {
      this.unsettled(seq);
      return;
    }
    const units = this.#inFlight.close(seq);
    this.#queue.putBack(inParts ? (halved(units) ?? units) : units);
  }

  /**
   * Refused finally: drops the units that `error` names, or all units if it names no cells. The
   * others are sent again. Their number follows the rule of `requeue`, but TAKEN always uses up the
   * number: sent again under it, they would count as duplicates. If `isUnclear`, some cells are to
   * blame but are not named, so halves of the write are tried. Returns the cells that changed.
   */
  refused(seq: number, error: Refusal, isUnclear = false): Dropped[] {
    const write = this.#inFlight.get(seq);
    if (!write) return [];
    const named = new Set(error.cells);
    const isNamed = ({ ops }: Unit) => ops.some(({ cell }) => named.has(cell));
    let blamed = write.units.filter(isNamed);
    let rest = write.units.filter((unit) => !isNamed(unit));
    if (blamed.length === 0) [blamed, rest] = [rest, []];
    const halves = isUnclear && !write.isUncertain ? halved(blamed) : undefined;
    if (halves) [blamed, rest] = [[], halves];
    if (write.isUncertain && rest.length > 0 && error.code !== "TAKEN") {
      this.#inFlight.reduce(seq, rest);
      this.unsettled(seq);
    } else {
      this.#inFlight.close(seq);
      this.#queue.putBack(rest);
    }
    return this.#drop(blamed, error);
  }

  /** Drops the units that wait and that nobody but these calls has asked for. */
  withdraw(calls: ReadonlySet<Settle>): Dropped[] {
    const withdrawn: Unit[] = [];
    this.#queue.revise((unit) => {
      if (!unit.ops.every(({ settles }) => settles.every((settle) => calls.has(settle)))) return unit;
      withdrawn.push(unit);
      return [];
    });
    const dropped = this.#drop(withdrawn);
    for (const { cell } of dropped) this.#findNewest(cell);
    return dropped;
  }

  /** Drops the changes that were made before `beforeMs`. */
  expire(beforeMs: number, error: Refusal): Dropped[] {
    const isOld = ({ ops }: Unit) => ops.every(({ sinceMs }) => sinceMs < beforeMs);
    const old: Unit[] = [];
    this.#queue.revise((unit) => {
      if (!isOld(unit)) return unit;
      old.push(unit);
      return [];
    });
    const dropped = this.#drop(old, error);
    // A write in flight may still succeed, so its old changes wait as long as one of them is young.
    for (const [seq, units] of this.#inFlight.all) if (units.every(isOld)) dropped.push(...this.refused(seq, error));
    return dropped;
  }

  /** The replica of `page` is at `version`, so it shows the changes up to there by itself. */
  reached(page: number, version: number): Dropped[] {
    return this.#notNewer(this.#confirmed.reached(page, version));
  }

  /** Whether a committed change is not in the replica of `page` yet. */
  isAwaited(page: number): boolean {
    return this.#confirmed.has(page);
  }

  /**
   * Call once a second for each page followed since the last call. Changes that never arrive were
   * lost by the store.
   */
  waited(page: number): Dropped[] {
    return this.#notNewer(this.#confirmed.waited(page));
  }

  /** Leaves out the cells that show a later change of the user. */
  #notNewer(dropped: readonly Dropped[]): Dropped[] {
    return dropped.filter(({ cell }) => !this.#newest.has(cell));
  }

  #add(unit: Unit): void {
    this.#enter(unit);
    this.#queue.add(unit);
  }

  #enter({ ops }: Unit): void {
    this.#waiting += ops.length;
    for (const op of ops) this.#newest.set(op.cell, op);
  }

  #settle(op: Op, error?: Refusal): void {
    this.#waiting -= op.settles.length;
    for (const settle of op.settles) settle(error);
  }

  #findNewest(cell: number): void {
    const units = this.#inFlight.all.flatMap(([, each]) => each);
    for (const op of opsOf([...units, ...this.#queue.on(pageOf(cell))])) {
      if (op.cell === cell) this.#newest.set(cell, op);
    }
  }

  #drop(units: readonly Unit[], error?: Refusal): Dropped[] {
    for (const unit of units) this.#queue.forget(unit);
    return opsOf(units).flatMap((op) => {
      this.#settle(op, error);
      if (this.#newest.get(op.cell) !== op) return [];
      this.#newest.delete(op.cell);
      return { cell: op.cell, value: op.value };
    });
  }
}
