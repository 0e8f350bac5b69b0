/*
 * The delay of the event loop. Node samples it with a timer, and every sample wakes the process. At
 * 10 ms, that was most of an idle instance's work. People only notice blocks of more than 50 ms.
 */

import { monitorEventLoopDelay } from "node:perf_hooks";

const RESOLUTION_MS = 50;

export class LoopDelay {
  readonly #ticks = monitorEventLoopDelay({ resolution: RESOLUTION_MS });

  start(): void {
    this.#ticks.enable();
  }

  stop(): void {
    this.#ticks.disable();
  }

  /** The delay in milliseconds that `percent` of the ticks since the last reset did not exceed. */
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
