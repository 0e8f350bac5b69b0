/* Refusals that say which board and cells they are about. */

import { Refusal } from "../../protocol/refusal.js";

/** Makes a refusal name the board and, of these cells, those that it is about. */
export function named(board: string, settled: Promise<void>, cells?: readonly number[]): Promise<void> {
  return settled.catch((error: unknown) => {
    if (!(error instanceof Refusal)) throw error;
    const refused = new Set(error.cells);
    const theirs = cells?.filter((cell) => refused.has(cell));
    throw error.about(board, theirs?.length ? theirs : cells);
  });
}
