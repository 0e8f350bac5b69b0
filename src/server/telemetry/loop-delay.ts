/*
 * How late the event loop is. Node samples it with a timer, and every sample wakes the process: at 10 ms an idle instance
 * did little else, and a busy one a twelfth more than its work. 50 ms still meet every block that a person would notice.
 */

import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 50;

export class LoopDelay {
  /** What it records is the whole time between two ticks. */
  readonly #ticks = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  start(): void {
    this.#ticks.enable();
  }

  stop(): void {
    this.#ticks.disable();
  }

  /** Milliseconds, 0 where nothing was measured yet; `percent` of the ticks since the last reset were not later. */
  percentileMs(percent: number): number {
    return this.#ticks.count === 0 ? 0 : late(this.#ticks.percentile(percent));
  }

  get mostMs(): number {
    return this.#ticks.count === 0 ? 0 : late(this.#ticks.max);
  }

  reset(): void {
    this.#ticks.reset();
  }
}

function late(tickNs: number): number {
  return Math.max(0, tickNs / 1e6 - RESOLUTION_MS);
}
