/*
 * How far the reader is in each step of the tutorial, for as long as the page is open. A step is
 * explained only after its own trial has closed: an explanation must not come before what it
 * explains.
 *
 *     answer ──► button ──► its trial is open ──► closed: the explanation, which then stays
 */

import type { ActionName, ExerciseReport, Trial } from "../../protocol/lab.js";

export interface Progress {
  /** The index of the chosen answer. */
  readonly guess?: number;
  /** The trial of the button has this number, or a later one. Undefined before the first press. */
  readonly from?: number | undefined;
  readonly isExplained?: boolean;
  readonly isFileMade?: boolean;
  readonly report?: ExerciseReport | undefined;
}

/** By the number of the step. */
export type ProgressOf = Readonly<Record<number, Progress>>;

/** The first number that the trial of an order given now can have. */
export function firstTrial([newest]: readonly Trial[], action: ActionName): number {
  if (!newest) return 1;
  // A click becomes part of the trial that is open.
  return action === "click" && newest.isOpen ? newest.number : newest.number + 1;
}

/** Marks the steps whose trial has closed. Returns `all` itself if there is none. */
export function explain(
  all: ProgressOf,
  steps: readonly { readonly number: number; readonly order: { readonly action: ActionName } }[],
  trials: readonly Trial[],
): ProgressOf {
  let next = all;
  for (const { number, order } of steps) {
    const progress = all[number];
    if (progress?.from === undefined || progress.isExplained) continue;
    const { from } = progress;
    const isJoined = order.action === "click";
    const trial = trials.find(
      (each) => each.number >= from && (each.action === order.action || (isJoined && each.number === from)),
    );
    if (trial && !trial.isOpen) next = { ...next, [number]: { ...progress, isExplained: true } };
  }
  return next;
}
