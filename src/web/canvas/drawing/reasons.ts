/* Why the canvas did not do what the user wanted, in words. */

import { type RefusalText, refusalText } from "../../refusals.js";
import { countOf } from "../../wording.js";

export const IS_PAST = "This is the past, which cannot be changed. Go back to now first.";
export const NOT_LOADED = "This part of the board did not load in time. Undo again, or go there first.";

/** So many cells of a stroke were not loaded yet. */
export function missedText(cell: number, cells: number): RefusalText {
  if (cells === 1) return refusalText(cell, "This part of the board is still loading. Try again in a moment.");
  const boxes = countOf(cells, "box was", "boxes were");
  const text = `${boxes} left out, because this part of the board is still loading. Try again in a moment.`;
  return { cell, note: text, text };
}
