/*
 * Gives the boxes that were clicked the value that they had before, and then looks at the stored
 * board. A board that loses updates would lose these as well. So there is one click at a time if
 * the time allows, and always at a board that was seen to lose some.
 */

import type { BoardState } from "./board-state.js";
import type { Guest } from "./guest.js";
import type { Hearing } from "./hearing.js";

export interface Restored {
  /** Boxes that were clicked. */
  readonly touched: number;
  /** Boxes that do not have their old value; undefined if the board could not be read. */
  readonly left: number | undefined;
}

const TRIES = 3;
/** Of the time that is left, for the clicks of one try. */
const TRY_SHARE = 0.5;
const TOGETHER_MAX = 24;
/** For the answer to a click, or for its change if the server answers none. */
const CLICK_MS_MAX = 500;
/** A client that polls shows late what is stored already. */
const SETTLE_MS = 150;

/** Ends after `msMax`. */
export async function restore(hearing: Hearing, msMax: number): Promise<Restored> {
  const touched = hearing.touched.size;
  const endMs = performance.now() + msMax;
  let left: number | undefined;
  try {
    for (let tries = 0; tries < TRIES && !hearing.signal.aborted; tries++) {
      const wrong = wrongCells(hearing, await hearing.read(hearing.url(0)));
      left = wrong.length;
      if (left === 0) break;
      await hearing.refill();
      await setBack(hearing, wrong, together(hearing, left, endMs - performance.now()));
      await hearing.wait(() => false, SETTLE_MS);
      // The board may be read through a cache.
      const board = await hearing.readUntil(hearing.url(0), (each) => wrongCells(hearing, each).length === 0);
      left = wrongCells(hearing, board).length;
    }
  } catch {
    // The server no longer answers. The last count is reported.
  }
  return { touched, left };
}

function wrongCells({ touched, before }: Hearing, { cells }: BoardState): number[] {
  return [...touched].filter((cell) => cells[cell] !== before.cells[cell]);
}

/** The number of clicks at the same time that the time left requires. */
function together(hearing: Hearing, count: number, leftMs: number): number {
  if (hearing.losesUpdates) return 1;
  const needed = Math.ceil((count * hearing.seenMs) / (TRY_SHARE * Math.max(1, leftMs)));
  return Math.min(TOGETHER_MAX, Math.max(1, needed));
}

async function setBack(hearing: Hearing, cells: readonly number[], together: number): Promise<void> {
  for (let first = 0; first < cells.length && !hearing.signal.aborted; first += together) {
    const group = cells.slice(first, first + together);
    await Promise.all(group.map((cell, index) => setOne(hearing, hearing.writer(first + index), cell)));
  }
}

async function setOne(hearing: Hearing, writer: Guest, cell: number): Promise<void> {
  const value = hearing.before.cells[cell] ?? false;
  const { screen } = hearing.witnessAt(writer.url);
  const click = hearing.set(writer, cell, value);
  await hearing.wait(
    () => click.answer !== undefined || (!hearing.isAnswering && screen.at(cell) === value),
    CLICK_MS_MAX,
  );
}
