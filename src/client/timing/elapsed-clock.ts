/*
 * The clock of a client. The clock of the browser or of Node may stop while the computer sleeps,
 * but the wall clock continues. So a step of the wall clock ahead counts as time that has passed. A
 * step back counts as nothing, and the time between steps is that of the other clock.
 */

import { type Clock, realClock } from "../../protocol/clock.js";

/** Smaller differences are left for later. They may be rounding errors, which would add up. */
const STEP_MS = 1_000;

interface ElapsedClock {
  now(): number;
  /** How far the wall clock is ahead of `now`. It changes only if the wall clock is set back. */
  aheadMs(): number;
}

/** A clock that counts like `clock` and includes steps of `wallMs` ahead. */
export function elapsed(clock: Pick<Clock, "now">, wallMs: () => number): ElapsedClock {
  let aheadMs = wallMs() - clock.now();
  let sleptMs = 0;
  const now = () => {
    const ms = clock.now();
    const stepMs = wallMs() - ms - aheadMs;
    if (Math.abs(stepMs) > STEP_MS) {
      aheadMs += stepMs;
      sleptMs += Math.max(0, stepMs);
    }
    return ms + sleptMs;
  };
  return {
    now,
    aheadMs: () => {
      now();
      return aheadMs - sleptMs;
    },
  };
}

/** The clock of all clients of the web page, or of the process. */
export const clientClock: Clock & ElapsedClock = { ...realClock, ...elapsed(realClock, () => Date.now()) };
