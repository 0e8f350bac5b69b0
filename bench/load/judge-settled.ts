/* Judges after all frames have arrived: a late frame on a busy machine is no divergence. */

import { setTimeout as pause } from "node:timers/promises";
import { type Correctness, faultsOf } from "./correctness.js";

const SETTLE_MS_MAX = 5_000;
const EVERY_MS = 200;

/** The first judgement without a fault, or the last within SETTLE_MS_MAX. */
export async function judgeSettled(judgeNow: () => Promise<Correctness>): Promise<Correctness> {
  const endMs = performance.now() + SETTLE_MS_MAX;
  for (;;) {
    const judged = await judgeNow();
    if (faultsOf("", judged).length === 0 || performance.now() > endMs) return judged;
    await pause(EVERY_MS);
  }
}
