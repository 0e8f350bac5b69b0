/* The spans of time that a replay offers, each named by its length. Pure. */

const SECOND_MS = 1_000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** The oldest part of the history expires while someone watches: this share is left out. */
const LEFT_OUT = 1 / 12;

/** The shortest first; none if no history is kept. */
export function replaySpans(keptMs: number) {
  const thereMs = keptMs * (1 - LEFT_OUT);
  if (thereMs === 0) return [];
  if (thereMs <= HOUR_MS) return [spanOf(thereMs)];
  return [spanOf(HOUR_MS), spanOf(Math.min(DAY_MS, thereMs))];
}

/** Rounded down to whole units, so that the name is exact. */
function spanOf(ms: number) {
  if (ms === DAY_MS) return { name: "Last day", ms };
  if (ms === HOUR_MS) return { name: "Last hour", ms };
  if (ms >= 2 * HOUR_MS) return inUnits(ms, HOUR_MS, "hours");
  return ms >= 2 * MINUTE_MS ? inUnits(ms, MINUTE_MS, "minutes") : inUnits(ms, SECOND_MS, "seconds");
}

function inUnits(ms: number, unitMs: number, name: string) {
  const units = Math.max(1, Math.floor(ms / unitMs));
  return { name: `Last ${units} ${name}`, ms: units * unitMs };
}
