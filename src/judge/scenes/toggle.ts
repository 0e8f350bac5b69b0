/*
 * Two people check the same box, one after the other, as happens if the second has not seen the
 * first. The box must be checked. A server that flips has unchecked it.
 */

import { Interrupted } from "../adapters/errors.js";
import type { ToggleSeen } from "../findings/observations.js";
import type { Hearing } from "../hearing/hearing.js";

const TRIES = 3;
/** A server may answer a later click of another box before it has worked on this one. */
const LATER_MS = 200;

export async function toggle(hearing: Hearing): Promise<ToggleSeen> {
  const { witnesses } = hearing;
  const [one, other] = [hearing.writer(0), hearing.writer(1)];
  let flipped = 0;
  for (const cell of hearing.take(TRIES)) {
    hearing.requireAll();
    const { value, isSeen } = await hearing.flip(one, cell);
    if (!isSeen) throw new Interrupted("a click did not arrive in time");
    hearing.set(other, cell, value);
    const { screen } = hearing.witnessAt(other.url);
    if (!(await hearing.fence([other], witnesses))) throw new Interrupted("a click did not arrive in time");
    const isFlipped = () => screen.at(cell) !== value;
    if (await hearing.wait(isFlipped, LATER_MS + 2 * hearing.seenMs)) flipped++;
  }
  return { tries: TRIES, flipped };
}
