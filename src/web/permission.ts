/* Why this user may not change a checkbox, in words; undefined where nothing that is known hinders. */

import type { Board } from "../client/index.js";

export const VIEW_ONLY = "You may look at this board, not change it.";
export const FROZEN = "This checkbox is frozen: nobody may change it now.";

export function hindranceAt(board: Board, cell: number): string | undefined {
  if (board.right === "view") return VIEW_ONLY;
  return board.isFrozen(cell) ? FROZEN : undefined;
}

/** What is said of a board of which something is frozen; undefined where nothing is. `look` tells how that is shown. */
export function frozenText(board: Board, look: string): string | undefined {
  let frozen = 0;
  for (let page = 0; page < board.pages; page++) {
    for (const { start, end } of board.frozenOf(page)) frozen += end - start;
  }
  if (frozen === 0) return undefined;
  return frozen === board.size
    ? "This board is frozen: nobody may change it now."
    : `Checkboxes ${look} are frozen: nobody may change them now.`;
}
