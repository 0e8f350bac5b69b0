/* A unit is what shares one fate in the outbox: one change of a cell, or the cells of a `setAll`. */

import type { Bit } from "../board/bitmap.js";
import type { CellChanges } from "../board/steps.js";
import type { Refusal } from "../protocol/errors.js";

/** Receives the fate of a change: nothing once it is committed, or why it will not be. */
export type Settle = (error?: Refusal) => void;

export interface Op {
  readonly cell: number;
  value: Bit;
  /** When it was last set. */
  sinceMs: number;
  readonly settles: Settle[];
}

export interface Unit {
  readonly page: number;
  readonly ops: readonly Op[];
  /** Is a write of its own. */
  readonly isWhole: boolean;
  /** May be cut if it is too large for one write. */
  readonly canSplit: boolean;
  /** Shares a write only with units of the same part. */
  readonly part: Part | undefined;
}

/** Half of a write that was refused without naming cells. */
interface Part {
  /** Shared by all parts of one write. */
  readonly budget: { halvings: number };
}

/**
 * How often a write and its parts may be halved. After that a refused part is given up whole, because a
 * server ends a connection with too many refusals. Enough to find any cells among 17; a write is
 * refused at most 33 times.
 */
const HALVINGS_MAX = 16;

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
