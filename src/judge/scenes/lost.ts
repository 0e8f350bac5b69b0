/*
 * Several clients click at the same moment, each in other boxes. A click that was acknowledged, or
 * that a witness showed, must be in the stored board.
 */

import type { BoardState } from "../adapters/board-state.js";
import type { LostSeen } from "../findings/observations.js";
import type { Click } from "../hearing/guest.js";
import type { Hearing } from "../hearing/hearing.js";
import { readAfter } from "../hearing/read-after.js";

const ROUNDS = 3;
const CLICKS = 40;

export async function lost(hearing: Hearing): Promise<LostSeen> {
  const total = { clicks: 0, confirmed: 0, acknowledged: 0, refused: 0, lost: 0 };
  for (let round = 0; round < ROUNDS && total.lost === 0 && !isLimited(total); round++) {
    hearing.requireAll();
    const seen = await playRound(hearing);
    for (const name of Object.keys(total) as (keyof LostSeen)[]) total[name] += seen[name];
  }
  return total;
}

/** Some clicks were refused or ignored, so more of them would be too. */
function isLimited({ clicks, confirmed }: LostSeen): boolean {
  return confirmed < clicks;
}

async function playRound(hearing: Hearing): Promise<LostSeen> {
  const { witnesses } = hearing;
  const clicks = hearing
    .take(CLICKS)
    .map((cell, index) => hearing.set(hearing.writer(index), cell, !hearing.shown(cell)));
  const isShown = ({ cell, value }: Click) => witnesses.some(({ screen }) => screen.at(cell) === value);
  const isSettled = (click: Click) =>
    click.answer === "refused" || witnesses.every(({ screen }) => screen.at(click.cell) === click.value);
  await hearing.waitForAll(() => clicks.every(isSettled), clicks.length);
  // Noted now: a later reading or click could hide it.
  const confirmed = clicks.filter(
    (click) => click.answer !== "refused" && (click.answer === "acknowledged" || isShown(click)),
  );
  const isStored = (cells: readonly boolean[]) => (click: Click) => cells[click.cell] === click.value;
  const isAllStored = ({ cells }: BoardState) => confirmed.every(isStored(cells));
  let stored = await hearing.readUntil(hearing.url(0), isAllStored);
  // The server may be slow, or the reading an old copy.
  if (!isAllStored(stored)) stored = await readAfter(hearing, hearing.writer(0));
  const lost = confirmed.filter((click) => !isStored(stored.cells)(click)).length;
  const strays = await countStrays(hearing, confirmed.filter(isStored(stored.cells)));
  hearing.strays += strays;
  // The next scene begins with what is stored.
  if (lost + strays > 0) await hearing.reload();
  return {
    clicks: clicks.length,
    confirmed: confirmed.length,
    acknowledged: clicks.filter(({ answer }) => answer === "acknowledged").length,
    refused: clicks.filter(({ answer }) => answer === "refused").length,
    lost,
  };
}

/** Stored clicks that a witness still lacks after a later click has arrived at all of them. */
async function countStrays(hearing: Hearing, stored: readonly Click[]): Promise<number> {
  const { witnesses } = hearing;
  const isMissing = ({ cell, value }: Click) => witnesses.some(({ screen }) => screen.at(cell) !== value);
  if (!stored.some(isMissing) || !(await hearing.fence([hearing.writer(0)], witnesses))) return 0;
  return stored.filter(isMissing).length;
}
