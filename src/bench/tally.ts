/* The counts of one thread. Once a second, it hands them over and starts again from zero. */

import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import type { ErrorCode } from "../protocol/refusal.js";

/** The counts of a second, or of a whole run. */
export interface Counts {
  written: number;
  acknowledged: number;
  /** Writes that failed and are not tried again. */
  refused: number;
  /** Changes shown by clients that did not make them. */
  seen: number;
  /** Frames of changes, and their bytes with all headers above TCP. */
  frames: number;
  bytes: number;
  /** HTTP requests of viewers that a limit of the instances refused. */
  refusedRequests: number;
  /** Connections that broke without a reason from the server. */
  lost: number;
}

export interface Tallied {
  readonly counts: Counts;
  /** How often clients received each code, including for writes that succeeded later. */
  readonly codes: Partial<Record<ErrorCode, number>>;
  /** Microseconds from a click to its change at another client. */
  readonly shown: RecordableHistogram;
  /** Microseconds from a click to its acknowledgement. */
  readonly settled: RecordableHistogram;
  /** Microseconds by which this thread made its writes late. */
  readonly late: RecordableHistogram;
}

export class Tally {
  #now = empty();

  get counts(): Counts {
    return this.#now.counts;
  }

  code(code: ErrorCode): void {
    this.#now.codes[code] = (this.#now.codes[code] ?? 0) + 1;
  }

  record(name: "shown" | "settled" | "late", ms: number): void {
    // A histogram starts at 1.
    this.#now[name].record(Math.max(1, Math.round(ms * 1_000)));
  }

  take(): Tallied {
    const taken = this.#now;
    this.#now = empty();
    return taken;
  }
}

export function empty(): Tallied {
  const histogram = () => createHistogram({ figures: 3 });
  const counts = { written: 0, acknowledged: 0, refused: 0, seen: 0, frames: 0, bytes: 0, refusedRequests: 0, lost: 0 };
  return { counts, codes: {}, shown: histogram(), settled: histogram(), late: histogram() };
}

export function addTallied(sum: Tallied, more: Tallied): void {
  for (const name of Object.keys(more.counts) as (keyof Counts)[]) sum.counts[name] += more.counts[name];
  for (const [code, count] of Object.entries(more.codes) as [ErrorCode, number][]) {
    sum.codes[code] = (sum.codes[code] ?? 0) + count;
  }
  for (const name of ["shown", "settled", "late"] as const) if (more[name].count > 0) sum[name].add(more[name]);
}
