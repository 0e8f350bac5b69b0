/*
 * Gives the boxes that were clicked the value that they had before, and then looks at the stored
 * board. A board that loses updates would lose these as well. So there is one click at a time if
 * the time allows, and always at a board that was seen to lose some.
 */

import type { BoardState } from "../adapters/board-state.js";
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
const CLICK_MS_MIN = 500;
const CLICK_TIMES = 3;
/** Groups of clicks, one after the other, of which none was answered. */
const UNHEARD_MAX = 4;
/** A client that polls shows late what is stored already. */
const SETTLE_MS = 150;

/** Ends after `msMax`. */
export async function restore(hearing: Hearing, msMax: number): Promise<Restored> {
  const left = await restoreAt(hearing, hearing.url(0), msMax);
  return { touched: hearing.touched.size, left: left === undefined ? undefined : left + hearing.leftElsewhere };
}

/** Returns the number of boxes at this instance that do not have their old value. */
export async function restoreAt(hearing: Hearing, url: string, msMax: number): Promise<number | undefined> {
  const endMs = performance.now() + msMax;
  let left: number | undefined;
  try {
    for (let tries = 0; tries < TRIES && performance.now() < endMs && !hearing.signal.aborted; tries++) {
      const wrong = wrongCells(hearing, url, await hearing.read(url));
      left = wrong.length;
      if (left === 0) break;
      await hearing.refill();
      if (!(await setBack(hearing, url, wrong, endMs))) break;
      await hearing.wait(() => false, SETTLE_MS);
      // The board may be read through a cache.
      const board = await hearing.readUntil(url, (each) => wrongCells(hearing, url, each).length === 0);
      left = wrongCells(hearing, url, board).length;
    }
  } catch {
    // The server no longer answers. The last count is reported.
  }
  return left;
}

function wrongCells(hearing: Hearing, url: string, { cells }: BoardState): number[] {
  const { cells: found } = hearing.foundAt(url);
  return [...hearing.touched].filter((cell) => cells[cell] !== found[cell]);
}

/** False if the server no longer takes clicks. */
async function setBack(hearing: Hearing, url: string, cells: readonly number[], endMs: number): Promise<boolean> {
  const writers = hearing.writers.filter((writer) => writer.url === url);
  const together = clicksTogether(hearing, cells.length, endMs - performance.now());
  let unheard = 0;
  for (let first = 0; first < cells.length && performance.now() < endMs; first += together) {
    const group = cells.slice(first, first + together);
    const areDone = await Promise.all(
      group.map((cell, index) => {
        const writer = writers[(first + index) % writers.length];
        return writer !== undefined && setOne(hearing, writer, cell);
      }),
    );
    unheard = areDone.includes(true) ? 0 : unheard + 1;
    if (unheard === UNHEARD_MAX) return false;
  }
  return true;
}

/** The number of clicks at the same time that the time left requires. */
function clicksTogether(hearing: Hearing, count: number, leftMs: number): number {
  if (hearing.losesUpdates) return 1;
  const needed = Math.ceil((count * hearing.seenMs) / (TRY_SHARE * Math.max(1, leftMs)));
  return Math.min(TOGETHER_MAX, Math.max(1, needed));
}

async function setOne(hearing: Hearing, writer: Guest, cell: number): Promise<boolean> {
  const value = hearing.foundAt(writer.url).cells[cell] ?? false;
  const { screen } = hearing.witnessAt(writer.url);
  const click = hearing.set(writer, cell, value);
  const isDone = () => click.answer !== undefined || (!hearing.isAnswering && screen.at(cell) === value);
  return hearing.wait(isDone, Math.max(CLICK_MS_MIN, CLICK_TIMES * hearing.seenMs));
}
