/*
 * How fast a replay plays, and where it goes next. Time in which nothing happens is cut to a short
 * pause. Pure.
 */

export interface Speed {
  readonly name: string;
  /** How many times as fast as it happened; undefined fits all of it into FIT_MS. */
  readonly times: number | undefined;
}

export const SPEEDS: readonly [Speed, ...Speed[]] = [
  { name: "Fit to 30 s", times: undefined },
  { name: "1 ×", times: 1 },
  { name: "10 ×", times: 10 },
  { name: "60 ×", times: 60 },
  { name: "600 ×", times: 600 },
];

const FIT_MS = 30_000;
/** How long a pause is shown at most. */
const PAUSE_MS = 1_000;
/** If all must fit, there may be a pause between any two parts. */
const FIT_PAUSE_MS = 250;

export interface Activity {
  /** Where the slider begins: a little before the first change. */
  readonly beginMs: number;
  /** The first change in sight. */
  readonly fromMs: number;
  readonly toMs: number;
  /** The number of batches in each equal part of that time. */
  readonly counts: readonly number[];
}

/** `times` is in ms of the record per ms of playing, and `pauseMs` in ms of the record. */
export interface Pace {
  readonly times: number;
  readonly pauseMs: number;
}

export function paceOf({ times }: Speed, { fromMs, toMs, counts }: Activity): Pace {
  if (times !== undefined) return { times, pauseMs: PAUSE_MS * times };
  const busy = counts.filter((count) => count > 0).length;
  const pauses = counts.filter((count, part) => count === 0 && (counts[part - 1] ?? 0) > 0).length;
  const busyMs = ((toMs - fromMs) / Math.max(1, counts.length)) * busy;
  // Never slower than it happened.
  const fitted = Math.max(1, busyMs / (FIT_MS - pauses * FIT_PAUSE_MS));
  return { times: fitted, pauseMs: FIT_PAUSE_MS * fitted };
}

/** The moment to show after `passedMs` of playing. Nothing changes until `quietUntilMs`. */
export function nextMoment(atMs: number, passedMs: number, quietUntilMs: number, { times, pauseMs }: Pace): number {
  return Math.max(atMs + passedMs * times, quietUntilMs - pauseMs);
}
