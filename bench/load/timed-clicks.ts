/* Single clicks, each timed from the call to the change at a watcher. */

import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { readConfig } from "../../src/server/config.js";
import { percentile, spreadOf } from "./outcome.js";

/** Longer than a frame: without it, the flush interval would be measured, which is for load. */
export const PAUSE_MS = readConfig({}, {}).flushMs + 4;
/** A change that takes longer is lost, and ends the scenario. */
const ARRIVE_MS_MAX = 5_000;

/** A writer and a watcher. */
export interface Clicker {
  readonly name: string;
  /** Changes one cell: the next one each time. */
  readonly click: () => void;
  readonly arrivals: EventTarget;
  /** The delays of each round. */
  readonly tookMs: number[][];
}

/** Milliseconds from a click to its change. */
export async function timeOf({ name, click, arrivals }: Clicker): Promise<number> {
  await pause(PAUSE_MS);
  const arrived = once(arrivals, "change", { signal: AbortSignal.timeout(ARRIVE_MS_MAX) });
  const startMs = performance.now();
  click();
  try {
    await arrived;
  } catch (cause) {
    throw new Error(`${name}: a change did not arrive within ${ARRIVE_MS_MAX} ms`, { cause });
  }
  return performance.now() - startMs;
}

/** All click by turns. */
export async function timeRounds(clickers: readonly Clicker[], rounds: number, clicks: number): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    for (const { tookMs } of clickers) tookMs.push([]);
    for (let nth = 0; nth < clicks; nth++) {
      for (const clicker of clickers) clicker.tookMs[round]?.push(await timeOf(clicker));
    }
  }
}

export function rowOf({ name, tookMs }: Clicker) {
  const at = (part: number) => spreadOf(tookMs.map((round) => percentile(round, part)));
  return { system: name, p50: at(0.5), p90: at(0.9), p99: at(0.99) };
}
