/* The result of a run: data for the score card, the JSON file and the HTML page. */

import type { Finding } from "../findings/findings.js";
import type { Observations } from "../findings/observations.js";
import type { Restored } from "../hearing/restore.js";

export interface JudgeResult {
  readonly format: 1;
  readonly startedAt: string;
  readonly seconds: number;
  readonly urls: readonly string[];
  readonly adapter: string;
  readonly isHostile: boolean;
  readonly boxes: number;
  /** From a click to its change at all other clients, in milliseconds. */
  readonly seenMs: number;
  /** By HTTP, most of them for the board. The many of a busy client are not among them. */
  readonly requests: number;
  readonly findings: readonly Finding[];
  readonly observations: Observations;
  readonly restored: Restored;
  /** Changes of boxes that the judge did not click. */
  readonly foreign: number;
}
