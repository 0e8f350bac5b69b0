/*
 * How long a click takes from one client to the others here, and whether the server answers clicks.
 * All waiting of the other scenes is measured by this, so that a slow board is not taken for a
 * broken one. It also finds out whether the board can be judged at all.
 */

import { BadAnswer } from "../adapters/errors.js";
import type { Guest } from "../hearing/guest.js";
import type { Hearing } from "../hearing/hearing.js";

const CLICKS = 5;
/** For each click as long as none has arrived, and after one has. */
const FIRST_MS_MAX = 3_500;
const NEXT_MS_MAX = 2_500;
const FIRST_TRIES = 2;

interface Measured {
  readonly cell: number;
  readonly value: boolean;
  /** The witnesses at the URL of the click. */
  readonly guests: readonly Guest[];
  readonly url: string;
  readonly startMs: number;
  readonly isSeen: boolean;
}

export async function measure(hearing: Hearing): Promise<void> {
  let seen = 0;
  let unseen: Measured[] = [];
  for (let count = 0; count < CLICKS; count++) {
    const click = await clickOnce(hearing, count, seen > 0 ? NEXT_MS_MAX : FIRST_MS_MAX);
    if (click.isSeen) {
      const { url } = click;
      // The first one warms up.
      const timed = [...(seen > 0 ? [click] : []), ...unseen.filter((each) => each.url === url && !isLacking(each))];
      for (const { startMs } of timed) hearing.seenMs = Math.max(hearing.seenMs, performance.now() - startMs);
      seen++;
      await countStrays(
        hearing,
        unseen.filter((each) => each.url === url && isLacking(each)),
      );
      unseen = unseen.filter((each) => each.url !== url);
    } else unseen.push(click);
    if (seen === 0 && count + 1 === FIRST_TRIES) {
      const seconds = (FIRST_TRIES * FIRST_MS_MAX) / 1_000;
      throw new BadAnswer(
        `${hearing.url(0)}: no other client saw a click within ${seconds} s. Either the server sends changes to nobody, or it speaks another protocol: see docs/judge.md`,
      );
    }
  }
}

async function clickOnce(hearing: Hearing, count: number, msMax: number): Promise<Measured> {
  const writer = hearing.writer(count);
  const { url } = writer;
  const cell = hearing.cellOf(writer);
  const guests = hearing.witnesses.filter((witness) => witness.url === url);
  const value = !hearing.witnessAt(url).screen.at(cell);
  const startMs = performance.now();
  const click = hearing.set(writer, cell, value);
  const isEverywhere = () => guests.every(({ screen }) => screen.at(cell) === value);
  await hearing.wait(() => isEverywhere() || click.answer === "refused", msMax);
  if (click.answer === "refused") {
    throw new BadAnswer(`${url} refuses an ordinary click: the judge needs a board on which anyone may click`);
  }
  hearing.requireAll();
  if (click.answer === "acknowledged") hearing.isAnswering = true;
  return { cell, value, guests, url, startMs, isSeen: isEverywhere() };
}

/** A client that asks for the board now and then shows a click late. */
function isLacking({ cell, value, guests }: Measured): boolean {
  return guests.some(({ screen }) => screen.at(cell) !== value);
}

/** A later click has arrived, so these were lost on the way if they are stored. */
async function countStrays(hearing: Hearing, lacking: readonly Measured[]): Promise<void> {
  const [first] = lacking;
  if (!first) return;
  const { cells } = await hearing.read(first.url);
  hearing.strays += lacking.filter(({ cell, value }) => cells[cell] === value).length;
  await hearing.reload();
}
