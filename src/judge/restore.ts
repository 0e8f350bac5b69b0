/*
 * Gives the boxes that were clicked the value that they had before. One click at a time, because a
 * board that loses updates would lose these as well, and then a look at the stored board.
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
/** For the answer to a click, if the server answers clicks, and for its change. */
const CLICK_MS_MAX = 400;
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
      for (const [index, cell] of wrong.entries()) {
        if (hearing.signal.aborted) break;
        await setBack(hearing, hearing.writer(index), cell);
      }
      await hearing.wait(() => false, SETTLE_MS);
    }
    left = (await wrongCells(hearing)).length;
  } catch {
    // The server no longer answers. What is known is reported.
  }
  return { touched, left };
}

async function wrongCells(hearing: Hearing): Promise<number[]> {
  const { cells } = await hearing.read(hearing.url(0));
  return [...hearing.touched].filter((cell) => cells[cell] !== hearing.before.cells[cell]);
}

async function setBack(hearing: Hearing, writer: Guest, cell: number): Promise<void> {
  const value = hearing.before.cells[cell] ?? false;
  const { screen } = hearing.witnessAt(writer.url);
  const wasShown = screen.at(cell) === value;
  const click = hearing.set(writer, cell, value);
  const isAnswered = () => click.answer !== undefined || (!hearing.isAnswering && !wasShown);
  await hearing.wait(() => isAnswered() && screen.at(cell) === value, CLICK_MS_MAX);
}
