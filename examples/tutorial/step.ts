/* A step of the tutorial: a scene for a naive version and for SocketScaler, and its outcome. */

import type { Stage } from "./stage.js";

interface Row {
  readonly what: string;
  readonly naive: string;
  readonly ours: string;
}

export interface Outcome {
  readonly rows: readonly Row[];
  /** The failure of the naive version; undefined if it had none this time. */
  readonly naiveFault: string | undefined;
  /** The failure of SocketScaler, which should have none. */
  readonly ourFault: string | undefined;
}

export interface Step {
  readonly title: string;
  /** A description in one or two sentences. */
  readonly scene: string;
  /** The name of the other side. Default: naive. */
  readonly other?: string;
  readonly run: (stage: Stage) => Promise<Outcome>;
}

/** A step of the tutorial, which ends with an exercise. */
export interface Lesson extends Step {
  readonly exercise: {
    /** The naive server to start from, by the name of its file. */
    readonly naive: string;
    /** Lines of at most 90 characters. */
    readonly task: string;
  };
}
