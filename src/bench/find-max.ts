/*
 * The search for the knee: the highest rate that a deployment can take with p99 within a bound. It
 * doubles the rate until a trial fails, then halves the distance between the highest rate that
 * passed and the lowest that failed. A rate fails only if two trials fail, because a moment's
 * disturbance is not a limit.
 */

export interface Trial {
  /** Writes a second. */
  readonly rate: number;
  readonly acknowledged: number;
  /** Milliseconds; null if no change was seen. */
  readonly p99: number | null;
  /** Why it failed; undefined if it passed. */
  readonly failure?: string;
}

export interface Found {
  readonly trials: readonly Trial[];
  readonly knee: number | null;
}

const RATE_MAX = 1_000_000;
/** The search ends when pass and failure are this close. */
const NEAR = 1.1;

export async function findMax(firstRate: number, attempt: (rate: number) => Promise<Trial>): Promise<Found> {
  const trials: Trial[] = [];
  let passed: number | null = null;
  let failed: number | null = null;
  for (let rate = Math.max(1, firstRate); ; ) {
    let trial = await attempt(rate);
    trials.push(trial);
    if (trial.failure !== undefined) {
      trial = await attempt(rate);
      trials.push(trial);
    }
    if (trial.failure === undefined) passed = Math.max(passed ?? 0, rate);
    else failed = Math.min(failed ?? RATE_MAX, rate);
    if (passed === null) rate = Math.floor(rate / 2);
    else if (failed === null) rate *= 2;
    else if (failed / passed <= NEAR || failed - passed <= 1) break;
    // The geometric mean, because the knee is wanted as a ratio.
    else rate = Math.round(Math.sqrt(passed * failed));
    if (rate < 1 || rate > RATE_MAX) break;
  }
  return { trials, knee: passed };
}

type Measured = Pick<Trial, "rate" | "acknowledged" | "p99"> & { readonly codes: readonly string[] };

/** A trial fails if a smaller share of the requested writes is acknowledged. */
export const SHORT = 0.95;

export function judgeTrial({ rate, acknowledged, p99, codes }: Measured, p99MsMax: number): Trial {
  const trial = { rate, acknowledged: Math.round(acknowledged), p99 };
  if (codes.length > 0) return { ...trial, failure: `refused with ${codes.join(", ")}` };
  if (acknowledged < rate * SHORT) return { ...trial, failure: `only ${Math.round(acknowledged)} of ${rate} writes/s` };
  if (p99 === null) return { ...trial, failure: "no change was seen" };
  if (p99 > p99MsMax) return { ...trial, failure: `p99 ${p99.toFixed(0)} ms` };
  return trial;
}
