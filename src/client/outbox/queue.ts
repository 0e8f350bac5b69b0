/*
 * The units that wait to be sent, page by page. Later changes of one cell never overtake earlier
 * ones. A single change replaces an earlier one that still waits, if nothing lies between them.
 */

import type { Bit } from "../../board/bitmap.js";
import type { CellChanges } from "../../board/steps.js";
import type { Refusal } from "../../protocol/refusal.js";

/** Receives the fate of a change: nothing once it is committed, or why it will not be. */
export type Settle = (error?: Refusal) => void;

export interface Op {
  readonly cell: number;
  value: Bit;
  /** When it was last set. */
  sinceMs: number;
  readonly settles: Settle[];
}

/** Changes that share one fate: one change of a cell, or the cells of a `setAll`. */
export interface Unit {
  readonly page: number;
  readonly ops: readonly Op[];
  /** Whether it is a write of its own. */
  readonly isWhole: boolean;
  /** Whether it may be cut if it is too large for one write. */
  readonly canSplit: boolean;
  /** The unit shares a write only with units of the same part. */
  readonly part: Part | undefined;
}

/** Half of a write that was refused without naming cells. */
interface Part {
  /** Shared by all parts of one write. */
  readonly budget: { halvings: number };
}

/**
 * How often a write and its parts may be halved. After that a refused part is given up whole,
 * because a server ends a connection with too many refusals. Enough to find any cells among 17; a
 * write is refused at most 33 times.
 */
const HALVINGS_MAX = 16;

export class Queue {
  readonly #isNewest: (op: Op) => boolean;
  /** Page -> its units, in the order in which they are to be sent. */
  readonly #pages = new Map<number, Set<Unit>>();
  /** Cell -> the last single change of it that waits. */
  readonly #singles = new Map<number, Unit>();

  /** `isNewest`: whether an op is the last of its cell, waiting or not. */
  constructor(isNewest: (op: Op) => boolean) {
    this.#isNewest = isNewest;
  }

  get all(): Unit[] {
    return Array.from(this.#pages.values(), (units) => [...units]).flat();
  }

  /** All units that wait on a page. */
  on(page: number): Iterable<Unit> {
    return this.#pages.get(page) ?? [];
  }

  /** The change of the cell that a later one may replace. */
  single(cell: number): Op | undefined {
    const op = this.#singles.get(cell)?.ops[0];
    return op && this.#isNewest(op) ? op : undefined;
  }

  add(unit: Unit): void {
    if (!unit.isWhole) for (const { cell } of unit.ops) this.#singles.set(cell, unit);
    const queue = this.#pages.get(unit.page) ?? new Set();
    this.#pages.set(unit.page, queue.add(unit));
  }

  /** Puts units of one page first, except single changes that the user has replaced meanwhile. */
  putBack(units: readonly Unit[]): void {
    const [first] = units;
    if (!first) return;
    const back = units.filter((unit) => {
      const [op] = unit.ops;
      if (!op || unit.isWhole) return true;
      const later = this.single(op.cell);
      later?.settles.push(...op.settles);
      if (!this.#singles.has(op.cell)) this.#singles.set(op.cell, unit);
      return !later;
    });
    this.#replace(first.page, [...back, ...this.on(first.page)]);
  }

  /**
   * Takes the units of the next write: up to `cellsMax` ops of one page, or one whole unit. Leaves
   * units with an op that must wait.
   */
  take(cellsMax: number, mustWait: (op: Op) => boolean): Unit[] {
    for (const [page, queue] of this.#pages) {
      const units = pick(queue, cellsMax, mustWait);
      if (units.length === 0) continue;
      for (const unit of units) {
        queue.delete(unit);
        this.forget(unit);
      }
      // The other pages have their turn before this one again.
      this.#pages.delete(page);
      if (queue.size > 0) this.#pages.set(page, queue);
      return units;
    }
    return [];
  }

  /** Replaces each unit with the result of `revised`. */
  revise(revised: (unit: Unit) => Unit | readonly Unit[]): void {
    for (const [page, queue] of this.#pages) this.#replace(page, [...queue].flatMap(revised));
  }

  /** The unit no longer waits. */
  forget(unit: Unit): void {
    for (const { cell } of unit.ops) if (this.#singles.get(cell) === unit) this.#singles.delete(cell);
  }

  #replace(page: number, units: readonly Unit[]): void {
    if (units.length > 0) this.#pages.set(page, new Set(units));
    else this.#pages.delete(page);
  }
}

/** The units of a page's queue that may go together now, in order. */
function pick(queue: ReadonlySet<Unit>, cellsMax: number, mustWait: (op: Op) => boolean): Unit[] {
  const picked: Unit[] = [];
  /** Cells of units that are passed over. */
  const passed = new Set<number>();
  for (const unit of queue) {
    const [first = unit] = picked;
    const fits = picked.length === 0 || (!unit.isWhole && unit.part === first.part);
    if (!fits || unit.ops.some((op) => passed.has(op.cell) || mustWait(op)))
      for (const { cell } of unit.ops) passed.add(cell);
    else picked.push(unit);
    if (first.isWhole ? picked.length > 0 : picked.length === cellsMax) break;
  }
  return picked;
}

export function opsOf(units: readonly Unit[]): Op[] {
  return units.flatMap(({ ops }) => ops);
}

export function changesOf(units: readonly Unit[]): CellChanges {
  return opsOf(units).map(({ cell, value }) => [cell, value]);
}

/** The units in two parts; undefined if there is only one, or after too many halvings. */
export function halved(units: readonly Unit[]): Unit[] | undefined {
  const budget = units[0]?.part?.budget ?? { halvings: HALVINGS_MAX };
  if (units.length < 2 || budget.halvings === 0) return undefined;
  budget.halvings--;
  const [one, other]: [Part, Part] = [{ budget }, { budget }];
  return units.map((unit, index) => ({ ...unit, part: index < units.length / 2 ? one : other }));
}

export function cut(unit: Unit, cellsMax: number): Unit[] {
  const units: Unit[] = [];
  for (let at = 0; at < unit.ops.length; at += cellsMax) {
    units.push({ ...unit, ops: unit.ops.slice(at, at + cellsMax) });
  }
  return units;
}
