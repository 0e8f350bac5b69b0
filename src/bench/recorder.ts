/* Sums up the workers' tallies by second, and for the whole load. */

import type { Histogram } from "node:perf_hooks";
import type { TallyReport } from "./messages.js";
import { addTallied, type Counts, empty } from "./tally.js";

export type Latency = ReturnType<typeof latencyOf>;

export interface Second {
  /** Seconds from the start of the run to the end of this second. */
  readonly at: number;
  /** Only `load` counts in the totals. */
  readonly phase: Phase;
  readonly live: number;
  readonly counts: Counts;
  readonly errors: number;
  readonly shown: Latency;
  readonly settled: Latency;
}

export type Phase = "connect" | "load" | "check";

export class Recorder {
  readonly seconds: Second[] = [];
  phase: Phase = "connect";
  /** Totals of the load, or of one trial, since `restart`. */
  total = empty();
  /** All codes of the run, including those of the ramp. */
  readonly codes = empty();
  busy = 0;
  readonly #startMs = performance.now();
  readonly #live = new Map<number, number>();
  readonly #report: (second: Second) => void;
  #now = empty();

  constructor(report: (second: Second) => void) {
    this.#report = report;
  }

  take(worker: number, { tallied, live, busy }: TallyReport): void {
    this.#live.set(worker, live);
    addTallied(this.#now, tallied);
    addTallied(this.codes, { ...empty(), codes: tallied.codes });
    if (this.phase !== "load") return;
    addTallied(this.total, tallied);
    this.busy = Math.max(this.busy, busy);
  }

  restart(): void {
    this.total = empty();
  }

  tick(): void {
    const { counts, codes, shown, settled } = this.#now;
    this.#now = empty();
    const second: Second = {
      at: Math.round((performance.now() - this.#startMs) / 100) / 10,
      phase: this.phase,
      live: [...this.#live.values()].reduce((sum, live) => sum + live, 0),
      counts,
      errors: Object.values(codes).reduce((sum, count) => sum + count, 0),
      shown: latencyOf(shown),
      settled: latencyOf(settled),
    };
    this.seconds.push(second);
    this.#report(second);
  }
}

/** In milliseconds, or null if nothing was measured, from a histogram of microseconds. */
export function latencyOf(histogram: Histogram) {
  const { count } = histogram;
  const ms = (part: number) => (count === 0 ? null : histogram.percentile(part) / 1_000);
  return {
    count,
    p50: ms(50),
    p90: ms(90),
    p99: ms(99),
    p999: ms(99.9),
    max: count === 0 ? null : histogram.max / 1_000,
  };
}
