/* The result of each fault: the parts that were behind, how they healed, and how long it took. */

import { useState } from "preact/hooks";
import { countOf } from "../../protocol/count.js";
import type { Behind, Finding, LabView, Trial } from "../../protocol/lab.js";

/** The newest result. */
export function Result({ trial }: { trial: Trial }) {
  // A reader who folds a log does not want the next one open either.
  const [isLogOpen, setLogOpen] = useState(true);
  return (
    <section class="results" aria-label="What happened" data-testid="lab-newest">
      <TrialView trial={trial} isLogOpen={isLogOpen} onLog={setLogOpen} />
    </section>
  );
}

/** The results before the newest one, folded. */
export function EarlierResults({ trials }: { trials: readonly Trial[] }) {
  if (trials.length === 0) return null;
  return (
    <details class="earlier" data-testid="lab-earlier">
      <summary>{countOf(trials.length, "earlier result")}</summary>
      <div class="results">
        {trials.map((trial) => (
          <TrialView key={trial.number} trial={trial} />
        ))}
      </div>
    </details>
  );
}

interface LogProps {
  readonly isLogOpen?: boolean;
  readonly onLog?: (isOpen: boolean) => void;
}

function TrialView({ trial, ...log }: LogProps & { trial: Trial }) {
  const { number, action, title, isOpen, ours, naive } = trial;
  return (
    <article data-testid="lab-trial" data-action={action} data-number={number} data-open={isOpen}>
      <h2>{title}</h2>
      <div class="sides">
        <SideResult name="SocketScaler" trial={trial} finding={ours} {...log} />
        {naive && <SideResult name="Naive" trial={trial} finding={naive} {...log} />}
      </div>
    </article>
  );
}

type SideProps = LogProps & { readonly name: string; readonly trial: Trial; readonly finding: Finding };

function SideResult({ name, trial, finding, isLogOpen = false, onLog }: SideProps) {
  const { clicks, acknowledged, lost, gone, commits, frames } = finding;
  const verdict = verdictOf(finding, trial.isOpen);
  // The log begins with the title, which is the heading here.
  const sightings = finding.sightings.filter(({ text }) => text !== trial.title);
  return (
    <section data-testid={`lab-result-${name.toLowerCase()}`}>
      <h3>
        {name}{" "}
        <span class="pill" data-tone={verdict.tone} data-testid="lab-verdict">
          {verdict.text}
        </span>
      </h3>
      <p>
        {countOf(clicks, "click")}, {acknowledged} acknowledged
        {lost > 0 && [", ", <strong key="lost">{lost} of them lost</strong>]}
        {gone > 0 && [", ", <strong key="gone">{notArrived(gone)}</strong>]}. {countOf(commits, "commit")},{" "}
        {countOf(frames, "message")} to browsers.
      </p>
      {sightings.length > 0 && (
        <details class="log" open={isLogOpen} onToggle={({ currentTarget }) => onLog?.(currentTarget.open)}>
          <summary>Log</summary>
          <ol class="sightings">
            {sightings.map(({ ms, text }, at) => (
              <li key={at}>
                <span>{inSeconds(ms)}</span> {text}
              </li>
            ))}
          </ol>
        </details>
      )}
    </section>
  );
}

/** How the newest trial stands on the side where it stands worse. */
export function toneOf({ ours, naive, isOpen }: Trial): string {
  const tones = [ours, naive].map((finding) => finding && verdictOf(finding, isOpen).tone);
  return ["bad", "waiting"].find((tone) => tones.includes(tone)) ?? "good";
}

/** One line about the newest trial. */
export function summaryOf({ ours, naive, isOpen }: Trial): string {
  const text = `SocketScaler: ${verdictOf(ours, isOpen).text}.`;
  return naive ? `${text} Naive: ${verdictOf(naive, isOpen).text}.` : text;
}

function verdictOf(finding: Finding, isOpen: boolean) {
  const { healedMs, sinceCureMs, behindMost, wrong, lost, gone, isInterrupted } = finding;
  if (healedMs === undefined) {
    if (isInterrupted) return { tone: "waiting", text: "not finished, because another button was pressed" };
    if (isOpen) return { tone: "waiting", text: "not all agree yet" };
    return {
      tone: "bad",
      text: wrong > 0 ? `still wrong in up to ${countOf(wrong, "box", "boxes")} on a screen` : "not healed",
    };
  }
  if (lost > 0) return { tone: "bad", text: `all agree, but ${lost} lost` };
  if (gone > 0 && !isOpen) return { tone: "bad", text: `all agree, but ${notArrived(gone)}` };
  if (behindMost === 0) return { tone: "good", text: "nothing was behind" };
  // With a cause that somebody removes, the time before says only how long they waited.
  const after =
    sinceCureMs === undefined
      ? `after ${inSeconds(healedMs)}`
      : `${inSeconds(sinceCureMs)} after the cause was removed`;
  return { tone: "good", text: `all agree ${after}` };
}

const STATES = { up: "up", starting: "is starting", hung: "hangs", down: "was killed" } as const;

function notArrived(clicks: number): string {
  return countOf(clicks, "has not arrived", "have not arrived");
}

function inSeconds(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(2)} s`;
}

/** Which parts agree now, of those that run. */
function agreementOf({ servers, ours }: LabView): string {
  const state = servers.find(({ role }) => role === "primary")?.state ?? "down";
  if (state !== "up") return `Valkey ${STATES[state]}`;
  const behind = ours.behind.map(({ part }) => part);
  if (behind.length > 0) return `${behind.length} behind: ${behind.join(", ")}`;
  const isWhole = [...servers, ...ours.instances].every((part) => part.state === "up");
  return isWhole ? "all agree" : "all others agree";
}

/** The position of every replica, now. */
export function Positions({ view }: { view: LabView }) {
  const { servers, ours } = view;
  const behind = new Map(ours.behind.map(({ part, why }: Behind) => [part, why]));
  const rows = [
    ...servers
      .toSorted((one) => (one.role === "primary" ? -1 : 1))
      .map(({ role, state, position }) => [`Valkey, ${role}`, position ?? STATES[state]] as const),
    ...ours.instances.map(({ number, state, position }) => {
      return [`instance ${number}`, state === "up" ? (position ?? "no page") : STATES[state]] as const;
    }),
    ...ours.browsers.map(({ number, position }) => [`browser ${number}`, position ?? "none"] as const),
  ];
  return (
    <section class="positions" aria-label="Positions">
      <h3>
        Positions{" "}
        <span class="pill" data-tone={behind.size === 0 ? "good" : "waiting"} data-testid="lab-behind">
          {agreementOf(view)}
        </span>
      </h3>
      <dl translate={false}>
        {rows.map(([part, position]) => (
          <div key={part} class={behind.has(part) ? "behind" : ""}>
            <dt>{part}</dt>
            <dd>{position}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
