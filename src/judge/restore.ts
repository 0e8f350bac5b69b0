/*
 * Gives the boxes that were clicked the value that they had before, and then looks at the stored
 * board. A board that loses updates may lose these as well. So the first try makes no more
 * clicks at the same time than the pace requires. Later tries make one click at a time.
 */

import type { Guest } from "./guest.js";
import type { Hearing } from "./hearing.js";

export interface Restored {
  /** Boxes that were clicked. */
  readonly touched: number;
  /** Boxes that do not have their old value; undefined if the board could not be read. */
  readonly left: number | undefined;
}

const TRIES = 3;
const FIRST_TRY_MS = 1_500;
const TOGETHER_MAX = 24;
/** For the answer to a click, or for its change if the server answers none. */
const CLICK_MS_MAX = 500;
/** A client that polls shows late what is stored already. */
const SETTLE_MS = 150;

export async function restore(hearing: Hearing): Promise<Restored> {
  const touched = hearing.touched.size;
  let left: number | undefined;
  try {
    for (let tries = 0; tries < TRIES && !hearing.signal.aborted; tries++) {
      const wrong = await wrongCells(hearing);
      left = wrong.length;
      if (left === 0) return { touched, left };
      await hearing.refill();
      const needed = Math.ceil((left * hearing.seenMs) / FIRST_TRY_MS);
      await setBack(hearing, wrong, tries === 0 ? Math.min(TOGETHER_MAX, Math.max(1, needed)) : 1);
      await hearing.wait(() => false, SETTLE_MS);
    }
    left = (await wrongCells(hearing)).length;
  } catch {
    // The server no longer answers. The last count is reported.
  }
  return { touched, left };
}

async function wrongCells(hearing: Hearing): Promise<number[]> {
  const { cells } = await hearing.read(hearing.url(0));
  return [...hearing.touched].filter((cell) => cells[cell] !== hearing.before.cells[cell]);
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
