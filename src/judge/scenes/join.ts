/*
 * Newcomers join while somebody clicks, one box after the other. When all is quiet, each newcomer
 * must show every click. The clicks are spread over the time that joining takes here, each in
 * another box, so that no later click hides one that was missed.
 *
 * A click that the stored board or the witness lacks does not count: that is another failure.
 * Newcomers that lack nothing prove little, because the bad moment may be very short.
 */

import { countOf } from "../../protocol/count.js";
import { Interrupted } from "../adapters/errors.js";
import type { JoinSeen } from "../findings/observations.js";
import type { Guest } from "../hearing/guest.js";
import type { Hearing } from "../hearing/hearing.js";

const ROUNDS = 3;
const NEWCOMERS = 6;
const CLICKS = 24;
/** The clicks begin before the first newcomer joins and end after the last one has. */
const SPREAD = 1.5;

export async function join(hearing: Hearing): Promise<JoinSeen> {
  const total = { newcomers: 0, clicks: 0, lacking: 0 };
  let joinMs = await timeToJoin(hearing);
  for (let round = 0; round < ROUNDS && total.lacking === 0; round++) {
    hearing.requireAll();
    const seen = await playRound(hearing, round, joinMs);
    total.newcomers += seen.newcomers;
    total.clicks += seen.clicks;
    total.lacking += seen.lacking;
    joinMs = Math.max(joinMs, seen.joinMs);
  }
  return total;
}

async function timeToJoin(hearing: Hearing): Promise<number> {
  const startMs = performance.now();
  (await hearing.enter(hearing.url(0))).leave();
  return performance.now() - startMs;
}

interface Newcomer {
  readonly guest: Guest;
  /** Clicks from then on are no longer made while the newcomer joins. */
  readonly isInMs: number;
}

interface TimedClick {
  readonly cell: number;
  readonly value: boolean;
  readonly atMs: number;
}

async function playRound(hearing: Hearing, round: number, joinMs: number) {
  const url = hearing.url(round);
  // From another instance, if there is one.
  const writer = hearing.writer(round + 1);
  const startMs = performance.now();
  const gate = new Gate(NEWCOMERS);
  let longestMs = 0;
  const enter = async (): Promise<Newcomer> => {
    const guest = await hearing.enter(url, { turn: () => gate.wait() });
    const nowMs = performance.now();
    longestMs = Math.max(longestMs, nowMs - startMs);
    // A server may let a client listen some time after it has sent the board.
    return { guest, isInMs: nowMs + joinMs };
  };
  const entering = Promise.allSettled(Array.from({ length: NEWCOMERS }, enter));
  await hearing.wait(() => gate.isFull, joinMs);
  const clicks = await clickMeanwhile(hearing, writer, joinMs, () => gate.open());
  const newcomers = (await entered(entering)).filter(({ guest }) => guest.isOnline);
  try {
    if (newcomers.length === 0) throw new Interrupted(`none of ${countOf(NEWCOMERS, "newcomer")} was let in`);
    const lacking = await countLacking(hearing, url, writer, newcomers, clicks);
    return { newcomers: newcomers.length, clicks: clicks.length, lacking, joinMs: longestMs };
  } finally {
    for (const { guest } of newcomers) guest.leave();
  }
}

async function entered(entering: Promise<PromiseSettledResult<Newcomer>[]>): Promise<Newcomer[]> {
  return (await entering).flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
}

async function clickMeanwhile(hearing: Hearing, writer: Guest, joinMs: number, begun: () => void) {
  const clicks: TimedClick[] = [];
  const cells = hearing.take(CLICKS);
  const everyMs = (SPREAD * joinMs) / cells.length;
  const startMs = performance.now();
  for (const [index, cell] of cells.entries()) {
    // The first click is on its way when the newcomers join.
    const atMs = performance.now();
    const flipping = hearing.flip(writer, cell);
    if (index === 0) begun();
    const { value, isSeen } = await flipping;
    if (!isSeen) throw new Interrupted("a click did not arrive in time");
    clicks.push({ cell, value, atMs });
    const dueMs = (index + 1) * everyMs - (performance.now() - startMs);
    if (dueMs > 1) await hearing.wait(() => false, dueMs);
  }
  return clicks;
}

async function countLacking(
  hearing: Hearing,
  url: string,
  writer: Guest,
  newcomers: readonly Newcomer[],
  clicks: readonly TimedClick[],
): Promise<number> {
  const witness = hearing.witnessAt(url);
  if (!(await hearing.fence([writer], [witness]))) throw new Interrupted("a click did not arrive in time");
  const isRight = ({ guest: { screen } }: Newcomer) => clicks.every(({ cell, value }) => screen.at(cell) === value);
  if (await hearing.wait(() => newcomers.every(isRight))) return 0;
  const { cells } = await hearing.read(url);
  const stored = clicks.filter(({ cell, value }) => cells[cell] === value && witness.screen.at(cell) === value);
  hearing.vanished += clicks.filter(({ cell, value }) => cells[cell] !== value).length;
  let lacking = 0;
  for (const { guest, isInMs } of newcomers.filter((each) => each.guest.isOnline)) {
    const missing = stored.filter(({ cell, value }) => guest.screen.at(cell) !== value);
    if (missing.some(({ atMs }) => atMs < isInMs)) lacking++;
    hearing.strays += missing.filter(({ atMs }) => atMs >= isInMs).length;
  }
  return lacking;
}

/** Holds back newcomers until all of them are ready to join, or the clicks have begun. */
class Gate {
  readonly #open: () => void;
  readonly #opened: Promise<void>;
  readonly #count: number;
  #waiting = 0;

  constructor(count: number) {
    let open: () => void = () => undefined;
    this.#opened = new Promise<void>((done) => {
      open = done;
    });
    this.#open = () => open();
    this.#count = count;
  }

  get isFull(): boolean {
    return this.#waiting === this.#count;
  }

  wait(): Promise<void> {
    this.#waiting++;
    return this.#opened;
  }

  open(): void {
    this.#open();
  }
}
