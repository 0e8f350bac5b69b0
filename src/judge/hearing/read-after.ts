/*
 * A click that the board lacks may be lost. A slow server may not have stored it yet, and a stale
 * copy of the board may not have it. So one more click is made, and the board is read until it has
 * that one.
 */

import type { BoardState } from "../adapters/board-state.js";
import { Interrupted } from "../adapters/errors.js";
import type { Guest } from "./guest.js";
import type { Hearing } from "./hearing.js";

/** A reading with a click that this writer makes now. Throws if there is none. */
export async function readAfter(hearing: Hearing, writer: Guest): Promise<BoardState> {
  const there = hearing.witnesses.filter(({ isOnline }) => isOnline);
  if (!(await hearing.fence([writer], there))) {
    throw new Interrupted("a later click did not arrive in time either, so the server is too slow or limits clicks");
  }
  const [cell, { screen }] = [hearing.cellOf(writer), hearing.witnessAt(writer.url)];
  const hasIt = ({ cells }: BoardState) => cells[cell] === screen.at(cell);
  const board = await hearing.readUntil(writer.url, hasIt);
  if (!hasIt(board)) throw new Interrupted("the server returned an older board than the clients show");
  return board;
}
