/* What the main thread and its workers tell each other. Plain data; histograms are cloned by the message port. */

import type { Scenario } from "./scenario.js";
import type { Tallied } from "./tally.js";

/** What a worker is started with. */
export interface Share {
  readonly scenario: Scenario;
  readonly worker: number;
  /** Cells 0 … cells - 1 are written. */
  readonly cells: number;
  readonly probes: SharedArrayBuffer;
}

/** A page as an instance has it. */
export interface ReferencePage {
  readonly page: number;
  readonly position: string;
  readonly bits: Uint8Array;
}

export type Command =
  /** Connect all clients over the ramp, and wait until all are live or `withinMs` have passed after it. */
  | { readonly name: "connect"; readonly withinMs: number }
  /** Write this worker's part of `rate`. */
  | { readonly name: "load"; readonly rate: number; readonly durationMs: number }
  /** Wait until every write has its answer. */
  | { readonly name: "settle"; readonly withinMs: number }
  /** Compare the clients that have not been level yet with these pages. */
  | { readonly name: "compare"; readonly pages: readonly ReferencePage[] }
  | { readonly name: "close" };

/** A client's page that is not the store's. */
export interface Mismatch {
  /** Behind: at another position, on its way or not. Diverged: at the same position with other bits. */
  readonly kind: "behind" | "diverged" | "missing";
  readonly client: number;
  readonly url: string;
  readonly page: number;
  readonly cells: number;
}

export interface Compared {
  readonly mismatches: readonly Mismatch[];
  /** Cells whose acknowledged value is not in the store. */
  readonly lost: readonly number[];
  /** Live clients, all of whose pages have been equal to the store's. */
  readonly level: number;
  readonly live: number;
}

export interface Answers {
  connect: { readonly live: number };
  load: null;
  settle: { readonly pending: number };
  compare: Compared;
  close: null;
}

export type Report =
  | { readonly kind: "answer"; readonly name: Command["name"]; readonly answer: Answers[Command["name"]] }
  /** Once a second, and before each answer. `busy` is the part of the time in which the thread worked. */
  | { readonly kind: "tally"; readonly tallied: Tallied; readonly live: number; readonly busy: number };
