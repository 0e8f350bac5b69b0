/*
 * The connection of a client breaks without a goodbye while others click. It connects again, to the
 * same instance, and carries on with the screen that it has. It must then show all clicks: those of
 * before, those that it missed, and those that follow.
 */

import { Interrupted } from "../adapters/errors.js";
import type { MissedSeen } from "../findings/observations.js";
import type { Guest } from "../hearing/guest.js";
import type { Hearing } from "../hearing/hearing.js";

const CLICKS = 6;

export async function missed(hearing: Hearing): Promise<MissedSeen> {
  hearing.requireAll();
  const url = hearing.url(0);
  // At another instance, if there is one.
  const writer = hearing.writer(1);
  const client = await hearing.enter(url);
  const before = await clickAll(hearing, writer);
  const lacks = (guest: Guest, clicks: typeof before) =>
    clicks.filter(({ cell, value }) => guest.screen.at(cell) !== value).length;
  // A client that asks now and then shows clicks late, but then with all later ones.
  if (!(await hearing.wait(() => lacks(client, before) === 0))) await hearing.fence([writer], [client]);
  const missedWhileConnected = lacks(client, before);

  // The last of them is on its way when the connection breaks.
  const [last = 0] = hearing.take(1);
  const breaking = hearing.flip(writer, last);
  client.cut();
  const during = [await breaking, ...(await clickAll(hearing, writer))];
  const returned = await hearing.enter(url, { screen: client.screen.again() });
  try {
    const after = await clickAll(hearing, writer);
    if (!(await hearing.fence([writer], [hearing.witnessAt(url)]))) {
      throw new Interrupted("a click did not arrive in time");
    }
    const isComplete = await hearing.wait(() => lacks(returned, [...during, ...after]) === 0);
    if (!isComplete) await hearing.fence([writer], [returned]);
    const isLacking = lacks(returned, [...during, ...after]) > 0;
    const { cells } = isLacking ? await hearing.read(url) : { cells: [] };
    // A click that is not stored either was not missed, but lost.
    const stored = (clicks: typeof before) => clicks.filter(({ cell, value }) => cells[cell] === value);
    if (isLacking) hearing.vanished += during.length + after.length - stored([...during, ...after]).length;
    return {
      clicks: during.length,
      missedWhileConnected,
      missedWhileCut: lacks(returned, stored(during)),
      missedAfter: lacks(returned, stored(after)),
    };
  } finally {
    returned.leave();
  }
}

async function clickAll(hearing: Hearing, writer: Guest) {
  const clicks: { cell: number; value: boolean }[] = [];
  for (const cell of hearing.take(CLICKS)) {
    const { value, isSeen } = await hearing.flip(writer, cell);
    if (!isSeen) throw new Interrupted("a click did not arrive in time");
    clicks.push({ cell, value });
  }
  return clicks;
}
