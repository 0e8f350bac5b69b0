/* The tutorial in the lab: a question, the fault on both sides, the answer, and an exercise. */

import text from "tutorial.md?raw";
import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { LabOrder, Trial } from "../../protocol/lab.js";
import { ExerciseView } from "./exercise.js";
import { inline, Prose } from "./markdown.js";
import { Press } from "./press.js";
import { explain, firstTrial, type Progress, type ProgressOf } from "./progress.js";
import { readSteps, type Step } from "./steps.js";

const STEPS = readSteps(text);
const NO_PROGRESS: Progress = {};

interface Props {
  readonly number: number | undefined;
  readonly isBusy: boolean;
  /** The newest first. */
  readonly trials: readonly Trial[];
  readonly onOpen: (number: number) => void;
  /** Resolves with whether the lab has taken the order. */
  readonly order: (order: LabOrder) => Promise<boolean>;
}

export function Tutorial({ number, isBusy, trials, onOpen, order }: Props) {
  const [all, setAll] = useState<ProgressOf>({});
  const heading = useRef<HTMLHeadingElement>(null);
  const isNext = useRef(false);
  useEffect(() => setAll((before) => explain(before, STEPS, trials)), [all, trials]);
  useEffect(() => {
    if (isNext.current) heading.current?.focus({ preventScroll: true });
    if (isNext.current) heading.current?.scrollIntoView({ block: "nearest" });
    isNext.current = false;
  }, [number]);
  const step = STEPS.find((each) => each.number === number);
  const change = (of: number, part: Progress) => setAll((before) => ({ ...before, [of]: { ...before[of], ...part } }));
  const play = async ({ number: of, naive, order: what }: Step) => {
    const from = firstTrial(trials, what.action);
    const isTaken = (await order({ action: "naive", kind: naive })) && (await order(what));
    if (isTaken) change(of, { from });
  };
  return (
    <section class="tutorial" id="tutorial" aria-label="Tutorial" tabIndex={-1}>
      <nav aria-label="Steps of the tutorial">
        {STEPS.map((each) => (
          <button
            key={each.number}
            type="button"
            aria-pressed={each === step}
            data-testid={`lab-step-${each.number}`}
            onClick={() => onOpen(each.number)}
          >
            <span>{each.number}</span> {each.title}
            {all[each.number]?.isExplained && (
              <span class="played" role="img" aria-label="(played)">
                ✓
              </span>
            )}
          </button>
        ))}
      </nav>
      {step ? (
        <StepView
          key={step.number}
          step={step}
          heading={heading}
          isBusy={isBusy}
          progress={all[step.number] ?? NO_PROGRESS}
          onProgress={(part) => change(step.number, part)}
          onPlay={() => void play(step)}
          onNext={() => {
            isNext.current = true;
            onOpen(step.number + 1);
          }}
        />
      ) : (
        <p class="hint">
          Press any button and watch, or take the six steps of the tutorial. Each asks a question before it breaks
          something.
        </p>
      )}
    </section>
  );
}

interface StepProps {
  readonly step: Step;
  readonly heading: RefObject<HTMLHeadingElement | null>;
  readonly isBusy: boolean;
  readonly progress: Progress;
  readonly onProgress: (part: Progress) => void;
  readonly onPlay: () => void;
  readonly onNext: () => void;
}

function StepView({ step, heading, isBusy, progress, onProgress, onPlay, onNext }: StepProps) {
  const { guess, from, isExplained } = progress;
  const isPlayed = from !== undefined;
  const why = guess === undefined ? "Choose an answer first." : isBusy ? "The lab is busy. Wait a moment." : "";
  return (
    <article data-testid="lab-step">
      <h2 ref={heading} tabIndex={-1}>
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
              onChange={() => onProgress({ guess: index })}
            />
            <span>{inline(option)}</span>
          </label>
        ))}
      </fieldset>
      <p class="row">
        <Press name="play" isMain isOff={why !== ""} reason="play-why" onPress={onPlay}>
          {step.button}
        </Press>
        <span class="hint" id="play-why">
          {why}
        </span>
      </p>
      {isPlayed && (
        <p role="status" data-testid="lab-guess">
          {!isExplained
            ? "Watch both sides. The explanation appears here when the result is complete."
            : guess === step.right
              ? "Your answer was right."
              : "The right answer is a different one."}
        </p>
      )}
      {isExplained && (
        <>
          {step.after.map((block) => (
            <Prose key={block} block={block} />
          ))}
          {step.number < STEPS.length ? (
            <button type="button" data-testid="lab-next" onClick={onNext}>
              Next step: {STEPS[step.number]?.title}
            </button>
          ) : (
            <p class="hint">This was the last step.</p>
          )}
        </>
      )}
      <ExerciseView step={step} progress={progress} onProgress={onProgress} />
    </article>
  );
}
