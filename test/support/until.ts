/*
 * Waits for conditions that have no event of their own. It asks again and again until the condition
 * holds, and fails with the description if it never does. The bound is generous, because it only
 * decides how long a failure takes.
 */

import { setTimeout as pause } from "node:timers/promises";

const PAUSE_MS_MIN = 5;
const PAUSE_MS_MAX = 50;
/** Of the time waited so far. Some conditions cost as much as what they wait for. */
const PAUSE_SHARE = 0.05;

export async function until(
  description: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 30_000,
): Promise<void> {
  const startMs = performance.now();
  while (!(await condition())) {
    const waitedMs = performance.now() - startMs;
    if (waitedMs > withinMs) throw new Error(`never happened within ${withinMs} ms: ${description}`);
    await pause(Math.min(PAUSE_MS_MAX, Math.max(PAUSE_MS_MIN, waitedMs * PAUSE_SHARE)));
  }
}
