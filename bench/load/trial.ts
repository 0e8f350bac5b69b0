/* Whether a system took a rate of writes, for scenarios that look for the highest one. */

import { judgeTrial, type Trial } from "../../src/bench/find-max.js";
import type { Run } from "./fleet.js";

/** Clicks that take longer show that a rate is too high. */
export const P99_MS = 150;

/** Judges a run of `seconds` at `rate` writes per second. */
export function judgeRun(run: Run, rate: number, seconds: number): Trial {
  const arrived = (run.writes * run.delivered) / run.expected / seconds;
  const p99 = Number.isFinite(run.p99) ? run.p99 : null;
  return judgeTrial({ rate, acknowledged: arrived, p99, codes: run.refusals }, P99_MS);
}
