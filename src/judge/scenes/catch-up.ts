/*
 * A client leaves, boxes are checked and unchecked, and the client returns with an empty screen, at
 * another instance if there is one. It must show what happened in the meantime.
 */

import { Interrupted } from "../adapters/errors.js";
import type { CatchUpSeen } from "../findings/observations.js";
import type { Guest } from "../hearing/guest.js";
import type { Hearing } from "../hearing/hearing.js";

const CLICKS = 6;

export async function catchUp(hearing: Hearing): Promise<CatchUpSeen> {
  hearing.requireAll();
  const there = hearing.url(hearing.urls.length - 1);
  const writer = hearing.writer(0);
  const cells = hearing.take(CLICKS);
  // Half of the boxes are checked before, so that both values are missed.
  for (const [index, cell] of cells.entries()) {
    const value = index % 2 === 0;
    if (hearing.shown(cell) !== value) await hearing.click(writer, cell, value);
  }
  const first = await hearing.enter(hearing.url(0));
  first.leave();
  const clicks: { cell: number; value: boolean }[] = [];
  for (const [index, cell] of cells.entries()) {
    const value = index % 2 === 1;
    if (!(await hearing.click(writer, cell, value))) throw new Interrupted("a click did not arrive in time");
    clicks.push({ cell, value });
  }
  const isElsewhere = hearing.urls.length > 1;
  if (isElsewhere && !(await hearing.fence([writer], [hearing.witnessAt(there)]))) {
    throw new Interrupted("a click did not arrive in time");
  }
  const returned = await hearing.enter(there);
  try {
    const lacks = ({ screen }: Guest, made: typeof clicks) =>
      made.filter(({ cell, value }) => screen.at(cell) !== value).length;
    if (await hearing.wait(() => lacks(returned, clicks) === 0)) return { clicks: CLICKS, lacking: 0, isElsewhere };
    const { cells: stored } = await hearing.read(there);
    const witness = hearing.witnessAt(there);
    // If the store lacks a click that everyone shows, it is stale for a returning client.
    const shown = clicks.filter(({ cell, value }) => witness.screen.at(cell) === value);
    const vanished = shown.filter(({ cell, value }) => stored[cell] !== value).length;
    return { clicks: CLICKS, lacking: Math.max(vanished, lacks(returned, shown)), isElsewhere };
  } finally {
    returned.leave();
  }
}
