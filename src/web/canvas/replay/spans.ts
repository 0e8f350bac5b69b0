/* The spans of time that a replay offers, each named by what it shows. Pure. */

export interface ReplaySpan {
  readonly name: string;
  readonly ms: number;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** The record's oldest part is gone while one still looks: that share of what is kept is left out. */
const LEFT_OUT = 1 / 12;

/** The shortest first; at least one. */
export function replaySpans(keptMs: number): readonly ReplaySpan[] {
  const thereMs = keptMs * (1 - LEFT_OUT);
  if (thereMs <= HOUR_MS) return [spanOf(thereMs)];
  return [spanOf(HOUR_MS), spanOf(Math.min(DAY_MS, thereMs))];
}

/** In whole units, so that the name tells all of it. */
function spanOf(ms: number): ReplaySpan {
  if (ms === DAY_MS) return { name: "Last day", ms };
  if (ms === HOUR_MS) return { name: "Last hour", ms };
  if (ms >= 2 * HOUR_MS) return inUnits(ms, HOUR_MS, "hours");
  return ms >= 2 * MINUTE_MS ? inUnits(ms, MINUTE_MS, "minutes") : inUnits(ms, SECOND_MS, "seconds");
}

function inUnits(ms: number, unitMs: number, name: string): ReplaySpan {
  const units = Math.max(1, Math.floor(ms / unitMs));
  return { name: `Last ${units} ${name}`, ms: units * unitMs };
}
