/* Plays one step on its own stage and prints the result. */

import type { Exercise } from "./exercise.js";
import { Missing, Stage } from "./stage.js";
import type { Step } from "./step.js";
import { heading, table } from "./table.js";

/** A step takes a few seconds; after this time it has failed. */
const STEP_MS_MAX = 90_000;

interface Performance {
  readonly isQuick: boolean;
  readonly print: (text: string) => void;
  /** Reports progress. */
  readonly tell: (line: string) => void;
  /** The learner's server, which should pass. */
  readonly exercise?: Exercise | undefined;
}

/** True if SocketScaler kept its promises, and the learner's server too if there is one. */
export async function perform(step: Step, { isQuick, print, tell, exercise }: Performance): Promise<boolean> {
  print(heading(step));
  const stage = new Stage(isQuick, tell, exercise);
  const startMs = performance.now();
  try {
    const outcome = await Promise.race([step.run(stage), tooLate(stage)]);
    const side = exercise ? "yours" : step.other;
    print(`\n${table(outcome, side)}  (${((performance.now() - startMs) / 1_000).toFixed(1)} s)\n`);
    return outcome.ourFault === undefined && (!exercise || outcome.naiveFault === undefined);
  } catch (error) {
    print(`\n${error instanceof Missing || !(error instanceof Error) ? error : error.stack}\n`);
    return false;
  } finally {
    await stage.close();
  }
}

function tooLate(stage: Stage): Promise<never> {
  return new Promise((_, fail) => {
    const late = setTimeout(() => fail(new Error(`the step did not end within ${STEP_MS_MAX} ms`)), STEP_MS_MAX);
    stage.after(() => clearTimeout(late));
  });
}
