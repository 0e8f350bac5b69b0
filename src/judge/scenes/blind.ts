/*
 * One client is busy: it clicks many boxes in one go. Everybody else must receive all of it, stay
 * connected, and be heard. At a board on this machine, one address then also reads the board many
 * times, and another address asks once. A limit that all visitors share would refuse it.
 */

import { isLocal } from "../adapters/local.js";
import type { BlindSeen } from "../findings/observations.js";
import type { Click } from "../hearing/guest.js";
import type { Hearing } from "../hearing/hearing.js";
import { readAfter } from "../hearing/read-after.js";
import { readBoard } from "../hearing/visit.js";

const CLICKS = 40;
const READINGS_MAX = 120;
const READ_BYTES_MAX = 24_000_000;
/** Of one box as JSON. */
const CELL_BYTES = 6;
const READ_MS_MAX = 3_000;
/** Any address that begins with 127 is this machine. */
const [BUSY_ADDRESS, OTHER_ADDRESS] = ["127.0.0.9", "127.0.0.10"];
/** Statuses with which a limit refuses. */
const REFUSED: readonly number[] = [429, 503, 403];

export async function blind(hearing: Hearing): Promise<BlindSeen> {
  hearing.requireAll();
  const { witnesses } = hearing;
  const [busy, other] = [hearing.writer(0), hearing.writer(1)];
  const clicks = hearing.take(CLICKS).map((cell) => hearing.set(busy, cell, !hearing.shown(cell)));
  const cell = hearing.cellOf(other);
  const otherClick = hearing.set(other, cell, !hearing.witnessAt(other.url).screen.at(cell));
  const isEverywhere = (click: Click) =>
    witnesses.every(({ isOnline, screen }) => !isOnline || screen.at(click.cell) === click.value);
  const isSettled = (click: Click) => click.answer === "refused" || isEverywhere(click);
  const isAllThere = await hearing.waitForAll(() => [...clicks, otherClick].every(isSettled), CLICKS + 1);
  const seen = {
    clicks: clicks.length,
    refused: 0,
    lacking: 0,
    disconnected: witnesses.filter(({ isOnline }) => !isOnline).length,
    isOtherRefused: false,
    isOtherHeard: true,
  };
  // A connection that was lost is a failure already.
  if (!isAllThere && seen.disconnected === 0) {
    const { cells } = await readAfter(hearing, busy);
    const isStored = (click: Click) => cells[click.cell] === click.value;
    const missing = clicks.filter((click) => !isSettled(click));
    // A click that is not stored either was lost, or ignored by a limit. That is another check.
    seen.lacking = missing.filter(isStored).length;
    hearing.vanished += missing.filter((click) => !isStored(click) && click.answer === "acknowledged").length;
    const isIgnored = hearing.isAnswering && otherClick.answer === undefined;
    seen.isOtherHeard = isSettled(otherClick) || !(isStored(otherClick) || isIgnored);
  }
  // Answers may come late.
  seen.refused = clicks.filter(({ answer }) => answer === "refused").length;
  seen.isOtherRefused = otherClick.answer === "refused";
  return { ...seen, ...(await readMuch(hearing)) };
}

async function readMuch(hearing: Hearing): Promise<Pick<BlindSeen, "reading" | "readings">> {
  const url = hearing.url(0);
  if (!isLocal(url)) return { reading: "untried", readings: 0 };
  const most = Math.min(READINGS_MAX, Math.floor(READ_BYTES_MAX / (CELL_BYTES * hearing.size)));
  const endMs = performance.now() + READ_MS_MAX;
  let readings = 0;
  let isRefused = false;
  while (readings < most && !isRefused && performance.now() < endMs) {
    const status = await statusFrom(hearing, url, BUSY_ADDRESS);
    if (status === undefined) return { reading: "untried", readings };
    readings++;
    isRefused = REFUSED.includes(status);
  }
  const status = await statusFrom(hearing, url, OTHER_ADDRESS);
  if (status === undefined) return { reading: "untried", readings };
  return { reading: isRefused && REFUSED.includes(status) ? "refused" : "open", readings };
}

/** Undefined if this machine, or the adapter, cannot ask from that address. */
async function statusFrom(hearing: Hearing, url: string, address: string): Promise<number | undefined> {
  const asked = { count: 0 };
  try {
    await readBoard(hearing.adapter, url, hearing.signal, { localAddress: address, asked });
    return asked.count > 0 ? 200 : undefined;
  } catch (error) {
    const status = error instanceof Error && "status" in error ? Number(error.status) : 0;
    return status > 0 ? status : undefined;
  }
}
