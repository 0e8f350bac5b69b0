/*
 * How long a click takes from one client to the others here, and whether the server answers clicks.
 * All waiting of the other scenes is measured by this, so that a slow board is not taken for a
 * broken one. It also finds out whether the board can be judged at all.
 */

import { BadAnswer } from "../errors.js";
import type { Hearing } from "../hearing.js";

const CLICKS = 5;
/** For each click as long as none has arrived, and after one has. */
const FIRST_MS_MAX = 3_500;
const NEXT_MS_MAX = 2_500;
const FIRST_TRIES = 2;

export async function measure(hearing: Hearing): Promise<void> {
  let seen = 0;
  let unseen = 0;
  for (let count = 0; count < CLICKS; count++) {
    const { isSeen, ms } = await clickOnce(hearing, count, seen > 0 ? NEXT_MS_MAX : FIRST_MS_MAX);
    if (isSeen) {
      // The first one warms up.
      if (seen > 0) hearing.seenMs = Math.max(hearing.seenMs, ms);
      seen++;
      // A later click has arrived, so these were lost on the way.
      hearing.strays += unseen;
      unseen = 0;
    } else if (await isStored(hearing, count)) unseen++;
    if (seen === 0 && count + 1 === FIRST_TRIES) {
      const seconds = (FIRST_TRIES * FIRST_MS_MAX) / 1_000;
      throw new BadAnswer(
        `${hearing.url(0)}: no other client saw a click within ${seconds} s. Either the server sends changes to nobody, or it speaks another protocol: see docs/judge.md`,
      );
    }
  }
}

async function clickOnce(hearing: Hearing, count: number, msMax: number) {
  const writer = hearing.writer(count);
  const cell = hearing.cellOf(writer);
  const witnesses = hearing.witnesses.filter(({ url }) => url === writer.url);
  const value = !hearing.witnessAt(writer.url).screen.at(cell);
  const startMs = performance.now();
  const click = hearing.set(writer, cell, value);
  const isEverywhere = () => witnesses.every(({ screen }) => screen.at(cell) === value);
  await hearing.wait(() => isEverywhere() || click.answer === "refused", msMax);
  if (click.answer === "refused") {
    throw new BadAnswer(`${writer.url} refuses an ordinary click: the judge needs a board on which anyone may click`);
  }
  hearing.requireAll();
  if (click.answer === "acknowledged") hearing.isAnswering = true;
  return { isSeen: isEverywhere(), ms: performance.now() - startMs };
}

/** Whether the last click of this writer is stored. Shows the witnesses the stored board. */
async function isStored(hearing: Hearing, count: number): Promise<boolean> {
  const writer = hearing.writer(count);
  const cell = hearing.cellOf(writer);
  const shown = hearing.witnesses.filter(({ url }) => url === writer.url).map(({ screen }) => screen.at(cell));
  const { cells } = await hearing.read(writer.url);
  await hearing.reload();
  return shown.includes(!(cells[cell] ?? false));
}
