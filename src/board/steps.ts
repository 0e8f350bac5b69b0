/* Steps of a large change. Each has a bounded number of cells on one page, as a commit has. */

import type { Bit } from "./bitmap.js";
import { pageOf } from "./geometry.js";

/** Options of `setAll`. */
export interface SetAllOptions {
  /** Takes several steps if the changes do not fit into one. Each is all or nothing. */
  readonly split?: boolean;
}

export type CellChanges = readonly (readonly [cell: number, value: Bit])[];

/** Steps of at most `cellsMax` cells, ascending. */
export function inSteps(changes: ReadonlyMap<number, Bit>, cellsMax: number): CellChanges[] {
  const steps: [cell: number, value: Bit][][] = [];
  let step: [cell: number, value: Bit][] = [];
  for (const change of [...changes].sort(([one], [other]) => one - other)) {
    const [first = change] = step;
    if (step.length === 0 || step.length === cellsMax || pageOf(first[0]) !== pageOf(change[0])) {
      step = [];
      steps.push(step);
    }
    step.push(change);
  }
  return steps;
}
