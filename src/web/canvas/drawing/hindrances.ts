/* Why the canvas did not do what was wished, in words; what any board has of that is in ../permission.ts. */

import { countOf } from "../../wording.js";

export const IS_PAST = "This is the past, which cannot be changed: go back to now first.";
export const NOT_BROUGHT = "Its part of the board did not come in time: undo it again, or go there first.";

export interface Hindrance {
  /** What to say at the cell. */
  readonly note: string;
  /** What to say where the cell is not seen. */
  readonly text: string;
}

/** One cell, and perhaps others, was not changed for a reason that is told whole. */
export function sparedText(cell: number, reason: string): Hindrance {
  return { note: reason, text: `Checkbox ${cell} was not changed. ${reason}` };
}

/** So many cells were wished to be changed before they were here. */
export function missedText(cell: number, cells: number): Hindrance {
  if (cells === 1) return sparedText(cell, "Its part of the board is not here yet: try again in a moment.");
  const text = `${countOf(cells, "checkbox was", "checkboxes were")} left out: their part of the board is not here yet.`;
  return { note: text, text };
}
