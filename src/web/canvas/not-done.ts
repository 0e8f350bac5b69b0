/* The texts of tools that could not do what the user wanted. */

import { countOf } from "../../protocol/count.js";
import { type RefusalText, refusalText } from "../wording/refusals.js";

const TOO_SMALL = "The boxes were too small to hit, so the view zoomed in. Try again.";
const STILL_LOADING = "part of the board is still loading. Try again in a moment.";
const NOT_LOADED = "This part of the board did not load in time. Go there, then try again.";

export function tooSmallText(cell: number): RefusalText {
  return { cell, note: TOO_SMALL, text: TOO_SMALL };
}

export function notLoadedText(cell: number): RefusalText {
  return refusalText(cell, NOT_LOADED);
}

/** `cell` is the first of so many cells. */
export function missedText(cell: number, cells: number): RefusalText {
  if (cells === 1) return refusalText(cell, `This ${STILL_LOADING}`);
  const note = `${countOf(cells, "box was", "boxes were")} left out, because this ${STILL_LOADING}`;
  return { cell, note, text: note };
}
