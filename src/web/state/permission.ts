/* Says why this user may not change a checkbox; undefined if nothing known prevents it. */

import type { Board } from "../../client/index.js";

export const VIEW_ONLY = "You can view this board but not change it.";
const FROZEN = "This checkbox is frozen. Nobody can change it right now.";
const TAKEN = "Somebody else has this checkbox. Choose a free one.";

export function lockReasonAt(board: Board, cell: number): string | undefined {
  if (board.right === "view") return VIEW_ONLY;
  if (board.isFrozen(cell)) return FROZEN;
  return board.isTaken(cell) ? TAKEN : undefined;
}

/** A text about the frozen part of the board and its look; undefined if nothing is frozen. */
export function frozenText(board: Board, look: string): string | undefined {
  let frozen = 0;
  for (let page = 0; page < board.pages; page++) {
    for (const { start, end } of board.frozenOf(page)) frozen += end - start;
  }
  if (frozen === 0) return undefined;
  return frozen === board.size
    ? "This board is frozen. Nobody can change it right now."
    : `Boxes ${look} are frozen. Nobody can change them right now.`;
}
