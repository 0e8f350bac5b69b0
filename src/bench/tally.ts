/* What one thread counts. Once a second all of it is handed over, and counting begins anew. */

import { createHistogram, type RecordableHistogram } from "node:perf_hooks";
import type { ErrorCode } from "../protocol/errors.js";

/** What is counted as one, whatever it is, of a second or of a whole run. */
export interface Counts {
  /** Writes made. */
  written: number;
  acknowledged: number;
  /** Writes given up, for good. */
  refused: number;
  /** Changes shown at clients that did not make them. */
  seen: number;
  /** Frames of changes, and their bytes with all headers above TCP. */
  frames: number;
  bytes: number;
  /** Connections that broke without a reason told. */
  lost: number;
}

export interface Tallied {
  readonly counts: Counts;
  /** Times that each code was told to a client: also of writes that went through later. */
  readonly codes: Partial<Record<ErrorCode, number>>;
  /** Microseconds from a click to its change at another client. */
  readonly shown: RecordableHistogram;
  /** Microseconds from a click to its acknowledgement. */
  readonly settled: RecordableHistogram;
  /** Microseconds by which this thread made its writes too late. */
  readonly late: RecordableHistogram;
}

export function noCounts(): Counts {
  return { written: 0, acknowledged: 0, refused: 0, seen: 0, frames: 0, bytes: 0, lost: 0 };
}

export function addCounts(sum: Counts, more: Counts): void {
  for (const name of Object.keys(sum) as (keyof Counts)[]) sum[name] += more[name];
}

export class Tally {
  #now = empty();

  get counts(): Counts {
    return this.#now.counts;
  }

  code(code: ErrorCode): void {
    this.#now.codes[code] = (this.#now.codes[code] ?? 0) + 1;
  }

  shown(ms: number): void {
    this.#now.shown.record(microseconds(ms));
  }

  settled(ms: number): void {
    this.#now.settled.record(microseconds(ms));
  }

  late(ms: number): void {
    this.#now.late.record(microseconds(ms));
  }

  take(): Tallied {
    const taken = this.#now;
    this.#now = empty();
    return taken;
  }
}

export function empty(): Tallied {
  // Three figures: a value is told to a thousandth of itself.
  const histogram = () => createHistogram({ figures: 3 });
  return { counts: noCounts(), codes: {}, shown: histogram(), settled: histogram(), late: histogram() };
}

/** Adds `more` to `sum`. */
export function addTallied(sum: Tallied, more: Tallied): void {
  addCounts(sum.counts, more.counts);
  for (const [code, count] of Object.entries(more.codes) as [ErrorCode, number][]) {
    sum.codes[code] = (sum.codes[code] ?? 0) + count;
  }
  for (const name of ["shown", "settled", "late"] as const) if (more[name].count > 0) sum[name].add(more[name]);
}

/** A histogram starts at 1. */
function microseconds(ms: number): number {
  return Math.max(1, Math.round(ms * 1_000));
}
