/* The data that the main thread and its workers exchange. The message port clones histograms. */

import type { Scenario } from "./scenario.js";
import type { Tallied } from "./tally.js";

export interface Share {
  readonly scenario: Scenario;
  readonly worker: number;
  /** Cells 0 … cells - 1 are written. */
  readonly cells: number;
  readonly probes: SharedArrayBuffer;
}

export interface ReferencePage {
  readonly page: number;
  readonly position: string;
  readonly bits: Uint8Array;
}

/** A client's page that differs from the store's. */
export interface Mismatch {
  /** Behind: at another position. Diverged: at the same position with other bits. */
  readonly kind: "behind" | "diverged" | "missing";
  readonly client: number;
  readonly url: string;
  readonly page: number;
  readonly cells: number;
}

/** Sent once a second, and before each answer. */
export interface TallyReport {
  readonly kind: "tally";
  readonly tallied: Tallied;
  readonly live: number;
  /** Share of the time that the thread was busy, 0 … 1. */
  readonly busy: number;
}

export type Report = TallyReport | { readonly kind: "answer"; readonly answer: unknown };
