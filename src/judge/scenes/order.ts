/*
 * Two clients set the same box at the same moment, one to checked and one to unchecked. Which of
 * them wins does not matter, but all witnesses must show the same.
 *
 *     writer A   ── 1 ──► instance 1 ──► its witness: 1, then 0       shows 0
 *     writer B   ── 0 ──► instance 2 ──► its witness: 0, then 1       shows 1
 */

import { Interrupted } from "../adapters/errors.js";
import type { OrderSeen } from "../findings/observations.js";
import type { Hearing } from "../hearing/hearing.js";

const ROUNDS = 4;
const BOXES = 12;
const SPACING_MS = 3;

export async function order(hearing: Hearing): Promise<OrderSeen> {
  const total = { boxes: 0, differing: 0, unexplained: 0, areInstances: hearing.urls.length > 1 };
  for (let round = 0; round < ROUNDS && total.differing === 0; round++) {
    hearing.requireAll();
    const { differing, unexplained, boxes } = await playRound(hearing, round);
    total.boxes += boxes;
    total.differing += differing;
    total.unexplained += unexplained;
  }
  return total;
}

async function playRound(hearing: Hearing, round: number) {
  const { witnesses, writers } = hearing;
  const cells = hearing.take(BOXES);
  for (const { screen } of witnesses) screen.note(cells);
  // Writers of two instances, if there are two, and each pair in turn.
  const [one, other] = [hearing.writer(round), hearing.writer(round + 1)];
  for (const cell of cells) {
    hearing.set(one, cell, true);
    hearing.set(other, cell, false);
    await hearing.wait(() => false, SPACING_MS);
  }
  if (!(await hearing.fence([one, other], witnesses))) {
    hearing.requireAll();
    throw new Interrupted("a click did not arrive in time, so nothing can be said about the order");
  }
  const differs = (cell: number) => new Set(witnesses.map(({ screen }) => screen.at(cell))).size > 1;
  await hearing.wait(() => !cells.some(differs));
  const differing = cells.filter(differs);
  const explained = differing.filter((cell) => witnesses.every(({ screen }) => screen.heardBoth(cell)));
  // So that the next scenes begin with one value, and the writers are known to be heard.
  for (const cell of differing) for (const value of [true, false]) await hearing.click(at(writers), cell, value);
  return { boxes: cells.length, differing: explained.length, unexplained: differing.length - explained.length };
}

function at<Item>([first]: readonly Item[]): Item {
  if (first === undefined) throw new Interrupted("no client that can click is left");
  return first;
}
