/*
 * Writes at a fixed rate without waiting for answers, because users do not wait for each other.
 * Writes that this thread delayed are made up for. Their delay is reported, because the latencies
 * then include the generator's own delays.
 */

import { setTimeout as pause } from "node:timers/promises";

const TICK_MS = 2;

/** Calls `write` at this rate for `durationMs`, and `late` with the delay of each call. */
export async function pace(
  perSecond: number,
  durationMs: number,
  write: () => void,
  late: (ms: number) => void = () => undefined,
): Promise<void> {
  const startMs = performance.now();
  const everyMs = 1_000 / perSecond;
  let made = 0;
  for (;;) {
    const elapsedMs = performance.now() - startMs;
    const due = Math.floor(Math.min(elapsedMs, durationMs) / everyMs);
    for (; made < due; made++) {
      late(performance.now() - startMs - made * everyMs - everyMs);
      write();
    }
    if (elapsedMs >= durationMs) return;
    await pause(TICK_MS);
  }
}
