/* What a run found: data, from which the table, the JSON file and the HTML page are made. */

import type { ErrorCode } from "../protocol/errors.js";
import type { Verdict } from "./correctness.js";
import type { InstanceInfo } from "./deployment.js";
import type { Trial } from "./find-max.js";
import type { Scenario } from "./scenario.js";
import type { Counts } from "./tally.js";

/** Milliseconds, or null where nothing was measured. */
export interface Latency {
  readonly count: number;
  readonly p50: number | null;
  readonly p90: number | null;
  readonly p99: number | null;
  readonly p999: number | null;
  readonly max: number | null;
}

/** One second of the run. */
export interface Second {
  /** Seconds since the start, at the second's end. */
  readonly at: number;
  /** What the run did then: only `load` counts in the totals. */
  readonly phase: Phase;
  readonly live: number;
  readonly counts: Counts;
  /** Times that a code was told to a client. */
  readonly errors: number;
  readonly shown: Latency;
  readonly settled: Latency;
}

export type Phase = "connect" | "load" | "check";

export interface BenchResult {
  readonly format: 1;
  readonly startedAt: string;
  readonly scenario: Scenario;
  readonly instances: readonly InstanceInfo[];
  readonly machine: { readonly node: string; readonly system: string; readonly cpu: string; readonly cores: number };
  /** Clients that were connected and up to date when the load began. */
  readonly connected: number;
  readonly seconds: readonly Second[];
  /** Of the load. */
  readonly loadMs: number;
  readonly counts: Counts;
  /** From a click to its change at another client, to its acknowledgement; and by how much the generator was late. */
  readonly shown: Latency;
  readonly settled: Latency;
  readonly late: Latency;
  /** Part of the time in which the busiest thread of the generator worked: 0 … 1. */
  readonly busy: number;
  readonly codes: Partial<Record<ErrorCode, number>>;
  readonly trials: readonly Trial[];
  /** The highest rate whose trial passed; null if none did, or none was made. */
  readonly knee: number | null;
  readonly verdict: Verdict;
}
