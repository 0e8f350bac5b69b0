/*
 * Writes at a given rate, whatever becomes of them: users do not wait for each other. What a slow moment of this thread
 * delayed is made up for, and how late it came is told, because then the generator is what is measured.
 */

import { setTimeout as pause } from "node:timers/promises";

const TICK_MS = 2;

/** Calls `write` `perSecond` times a second until `durationMs` have passed; `late` hears by how much each was late. */
export async function pace(
  perSecond: number,
  durationMs: number,
  write: () => void,
  late: (ms: number) => void,
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
