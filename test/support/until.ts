/*
 * Waits for conditions that have no event of their own. It asks again and again until the condition holds, and fails with
 * the description if it never does. The bound is generous, because it only decides how long a failure takes.
 */

import { setTimeout as pause } from "node:timers/promises";

export async function until(
  description: string,
  condition: () => boolean | Promise<boolean>,
  withinMs = 30_000,
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`never happened within ${withinMs} ms: ${description}`);
    await pause(5);
  }
}
