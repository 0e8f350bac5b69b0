/* What a step of the tutorial is: a scene that is played with a naive version and with SocketScaler, and what came of it. */

import type { Stage } from "./stage.js";

export interface Row {
  readonly what: string;
  readonly naive: string;
  readonly ours: string;
}

export interface Outcome {
  readonly rows: readonly Row[];
  /** What went wrong with the naive version; undefined if, this time, nothing did. */
  readonly naiveFault: string | undefined;
  /** What went wrong with SocketScaler: nothing should. */
  readonly ourFault: string | undefined;
}

export interface Step {
  readonly title: string;
  /** What is played, in a sentence or two. */
  readonly scene: string;
  readonly run: (stage: Stage) => Promise<Outcome>;
}
