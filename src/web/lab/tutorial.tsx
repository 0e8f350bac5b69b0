/* The tutorial in the lab: a question, the fault on both sides, the answer, and an exercise. */

import text from "tutorial.md?raw";
import { useState } from "preact/hooks";
import type { ExerciseReport, LabOrder } from "../../protocol/lab.js";
import { inline, Prose } from "./markdown.js";
import { runExercise } from "./orders.js";
import { readSteps, type Step } from "./steps.js";

const STEPS = readSteps(text);

interface Props {
  readonly number: number | undefined;
  readonly isBusy: boolean;
  readonly onOpen: (number: number | undefined) => void;
  /** Resolves with whether the lab has taken the order. */
  readonly order: (order: LabOrder) => Promise<boolean>;
}

export function Tutorial({ number, isBusy, onOpen, order }: Props) {
  const step = STEPS.find((each) => each.number === number);
  return (
    <section class="tutorial" aria-label="Tutorial">
      <nav aria-label="Steps of the tutorial">
        {STEPS.map((each) => (
          <button
            key={each.number}
            type="button"
            aria-pressed={each === step}
            title={each.title}
            data-testid={`lab-step-${each.number}`}
            onClick={() => onOpen(each === step ? undefined : each.number)}
          >
            {each.number}
          </button>
        ))}
      </nav>
      {step ? (
        <StepView key={step.number} step={step} isBusy={isBusy} order={order} />
      ) : (
        <p class="hint">
          Press any button and watch, or take the six steps of the tutorial. Each asks a question before it breaks
          something.
        </p>
      )}
    </section>
  );
}

type StepProps = Pick<Props, "isBusy" | "order"> & { readonly step: Step };

function StepView({ step, isBusy, order }: StepProps) {
  const [guess, setGuess] = useState<number>();
  const [isPlayed, setPlayed] = useState(false);
  const play = async () => {
    const isTaken = (await order({ action: "naive", kind: step.naive })) && (await order(step.order));
    if (isTaken) setPlayed(true);
  };
  return (
    <article data-testid="lab-step">
      <h2>
        {step.number}. {step.title}
      </h2>
      {step.before.map((block) => (
        <Prose key={block} block={block} />
      ))}
      <fieldset class="question">
        <legend>{inline(step.question)}</legend>
        {step.options.map((option, index) => (
          <label key={option}>
            <input
              type="radio"
              name="guess"
              checked={guess === index}
              disabled={isPlayed}
              onChange={() => setGuess(index)}
            />
            {inline(option)}
          </label>
        ))}
      </fieldset>
      <button
        type="button"
        class="primary"
        disabled={guess === undefined || isBusy}
        data-testid="lab-play"
        onClick={() => void play()}
      >
        {step.button}
      </button>
      {isPlayed && (
        <>
          <p role="status" data-testid="lab-guess">
            {guess === step.right ? "Your answer was right." : "The right answer is a different one. Watch both sides."}
          </p>
          {step.after.map((block) => (
            <Prose key={block} block={block} />
          ))}
        </>
      )}
      <ExerciseView step={step} />
    </article>
  );
}

function ExerciseView({ step }: { step: Step }) {
  const [report, setReport] = useState<ExerciseReport>();
  const [isRunning, setRunning] = useState(false);
  const run = async (isStart: boolean) => {
    setRunning(true);
    setReport(await runExercise(step.number, isStart));
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
      <p>
        <button type="button" disabled={isRunning} data-testid="lab-exercise-start" onClick={() => void run(true)}>
          Create the file
        </button>{" "}
        <button type="button" disabled={isRunning} data-testid="lab-exercise-check" onClick={() => void run(false)}>
          Check my server
        </button>
      </p>
      {isRunning && <p role="status">Running …</p>}
      {report && !isRunning && (
        <pre role="status" data-testid="lab-exercise-output">
          {report.output}
        </pre>
      )}
    </section>
  );
}
