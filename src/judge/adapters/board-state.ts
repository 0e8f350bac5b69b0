/* A board as a server sends it: a list of boxes, or an object with the list in `state`. */

import { fieldOf } from "./adapter.js";
import { BadAnswer } from "./errors.js";

/** Fewer boxes leave no room to judge. */
export const CELLS_MIN = 24;
/** More do not fit an answer. */
const CELLS_MAX = 3_000_000;

export interface BoardState {
  readonly cells: readonly boolean[];
  /** Boxes that are neither checked nor unchecked. They count as unchecked. */
  readonly odd: number;
}

/** Undefined if `sent` is not a board. */
export function boardIn(sent: unknown): BoardState | undefined {
  const list = Array.isArray(sent) ? sent : fieldOf(sent, "state");
  if (!Array.isArray(list) || list.length > CELLS_MAX) return undefined;
  let odd = 0;
  const cells = list.map((cell: unknown) => {
    const value = valueIn(cell);
    if (value === undefined) odd++;
    return value ?? false;
  });
  return { cells, odd };
}

export function valueIn(sent: unknown): boolean | undefined {
  if (typeof sent === "boolean") return sent;
  return sent === 1 ? true : sent === 0 ? false : undefined;
}

export function requireBoard(sent: unknown, from: string): BoardState {
  const board = boardIn(sent);
  if (!board) throw new BadAnswer(`${from} answered with something other than a list of boxes`);
  return board;
}
