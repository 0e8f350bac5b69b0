/* The exercise of a step: a file to create and to change, and a check that runs it. */

import { useState } from "preact/hooks";
import { inline } from "./markdown.js";
import { runExercise } from "./orders.js";
import { Picture } from "./picture.js";
import { Press } from "./press.js";
import type { Progress } from "./progress.js";
import type { Step } from "./steps.js";

interface Props {
  readonly step: Step;
  readonly progress: Progress;
  readonly onProgress: (part: Progress) => void;
}

export function ExerciseView({ step, progress, onProgress }: Props) {
  const { report, isFileMade = false } = progress;
  const [isRunning, setRunning] = useState(false);
  const run = async (isStart: boolean) => {
    setRunning(true);
    const result = await runExercise(step.number, isStart);
    onProgress(isStart ? { report: result, isFileMade: true } : { report: result });
    setRunning(false);
  };
  const isPassed = report?.isPassed;
  return (
    <section class="exercise">
      <h3>
        Exercise{" "}
        {isPassed !== undefined && (
          <span class="pill" data-tone={isPassed ? "good" : "bad"} data-testid="lab-passed">
            {isPassed ? "passed" : "not passed yet"}
          </span>
        )}
      </h3>
      <p>{inline(step.exercise)}</p>
      <p class="row">
        <Press name="exercise-start" isOff={isRunning} reason="exercise-hint" onPress={() => void run(true)}>
          Create the file
        </Press>
        <Press name="exercise-check" isOff={isRunning} reason="exercise-hint" onPress={() => void run(false)}>
          Check my server
        </Press>
      </p>
      <p class="hint" id="exercise-hint" role="status">
        {isRunning ? "Running …" : hintFor(step.number, isFileMade)}
      </p>
      {report && !isRunning && (
        <div class="output" role="status" data-testid="lab-exercise-output">
          <Picture text={report.output.replaceAll(/^\n+|\s+$/g, "")} isWrapped />
        </div>
      )}
    </section>
  );
}

function hintFor(step: number, isFileMade: boolean): string {
  const file = `exercises/step-${step}.ts`;
  return isFileMade
    ? `Change ${file} in your editor, then check it.`
    : `Create ${file} first. If you did so on an earlier visit, you can check it now.`;
}
