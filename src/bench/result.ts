/* The result of a run: data for the table, the JSON file and the HTML page. */

import type { ErrorCode } from "../protocol/refusal.js";
import type { Verdict } from "./correctness.js";
import type { InstanceInfo } from "./deployment.js";
import type { Trial } from "./find-max.js";
import type { Latency, Second } from "./recorder.js";
import type { Scenario } from "./scenario.js";
import type { Counts } from "./tally.js";
import type { Unmeasured, Usage } from "./usage.js";

export interface BenchResult {
  readonly format: 1;
  readonly startedAt: string;
  readonly scenario: Scenario;
  readonly instances: readonly InstanceInfo[];
  readonly machine: { readonly node: string; readonly system: string; readonly cpu: string; readonly cores: number };
  /** Clients that were connected and up to date when the load began. */
  readonly connected: number;
  readonly seconds: readonly Second[];
  readonly loadMs: number;
  readonly counts: Counts;
  /** Used by instances during the load. */
  readonly usages: readonly (Usage | Unmeasured)[];
  /**
   * Click to change at another client (at a viewer, if there are any), click to acknowledgement,
   * delay of the generator.
   */
  readonly shown: Latency;
  readonly settled: Latency;
  readonly late: Latency;
  /** Share of the time that the busiest thread of the generator was busy, 0 … 1. */
  readonly busy: number;
  readonly codes: Partial<Record<ErrorCode, number>>;
  readonly trials: readonly Trial[];
  /** The highest rate whose trial passed; null if none did, or none was made. */
  readonly knee: number | null;
  readonly verdict: Verdict;
}
