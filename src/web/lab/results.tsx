/* The result of each fault: the parts that were behind, how they healed, and how long it took. */

import { countOf } from "../../protocol/count.js";
import type { Behind, Finding, LabView, Trial } from "../../protocol/lab.js";

export function Results({ trials }: { trials: readonly Trial[] }) {
  if (trials.length === 0) return <p class="hint">Press a button. The result appears here, with measured times.</p>;
  return (
    <div class="results">
      {trials.map((trial, index) => (
        <article key={trial.number} data-testid="lab-trial" data-action={trial.action} data-open={trial.isOpen}>
          <h3>{trial.title}</h3>
          <div class="sides">
            <SideResult name="SocketScaler" finding={trial.ours} isOpen={trial.isOpen} isLong={index === 0} />
            {trial.naive && (
              <SideResult name="Naive" finding={trial.naive} isOpen={trial.isOpen} isLong={index === 0} />
            )}
          </div>
        </article>
      ))}
    </div>
  );
}

interface SideProps {
  readonly name: string;
  readonly finding: Finding;
  readonly isOpen: boolean;
  /** Whether what was seen is listed, too. */
  readonly isLong: boolean;
}

function SideResult({ name, finding, isOpen, isLong }: SideProps) {
  const { clicks, acknowledged, lost, gone, commits, frames, sightings } = finding;
  const verdict = verdictOf(finding, isOpen);
  return (
    <section data-testid={`lab-result-${name.toLowerCase()}`}>
      <h4>
        {name}{" "}
        <span class="pill" data-tone={verdict.tone} data-testid="lab-verdict">
          {verdict.text}
        </span>
      </h4>
      <p>
        {countOf(clicks, "click")}, {acknowledged} acknowledged
        {lost > 0 && <strong>, {lost} of them lost</strong>}
        {gone > 0 && <strong>, {gone} have not arrived</strong>}. {countOf(commits, "commit")},{" "}
        {countOf(frames, "message")} to browsers.
      </p>
      {isLong && (
        <ol class="sightings">
          {sightings.map(({ ms, text }, at) => (
            <li key={at}>
              <span>{inSeconds(ms)}</span> {text}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

/** One line about the newest trial. */
export function summaryOf({ ours, naive, isOpen }: Trial): string {
  const text = `SocketScaler: ${verdictOf(ours, isOpen).text}.`;
  return naive ? `${text} Naive: ${verdictOf(naive, isOpen).text}.` : text;
}

function verdictOf(finding: Finding, isOpen: boolean) {
  const { healedMs, sinceCureMs, behindMost, wrong, lost, gone, isInterrupted } = finding;
  if (healedMs === undefined) {
    if (isInterrupted) return { tone: "waiting", text: "not finished: another button was pressed" };
    if (isOpen) return { tone: "waiting", text: "not all agree yet" };
    return {
      tone: "bad",
      text: wrong > 0 ? `still wrong: up to ${countOf(wrong, "box", "boxes")} on a screen` : "not healed",
    };
  }
  if (lost > 0) return { tone: "bad", text: `all agree, but ${lost} lost` };
  if (gone > 0 && !isOpen) return { tone: "bad", text: `all agree, but ${gone} have not arrived` };
  if (behindMost === 0) return { tone: "good", text: "nothing was behind" };
  // With a cause that somebody removes, the time before says only how long they waited.
  const after =
    sinceCureMs === undefined
      ? `after ${inSeconds(healedMs)}`
      : `${inSeconds(sinceCureMs)} after the cause was removed`;
  return { tone: "good", text: `all agree ${after}` };
}

const STATES = { up: "up", starting: "is starting", hung: "hangs", down: "is killed" } as const;

function inSeconds(ms: number): string {
  return ms < 1_000 ? `${ms} ms` : `${(ms / 1_000).toFixed(2)} s`;
}

/** The position of every replica, now. */
export function Positions({ view }: { view: LabView }) {
  const { servers, ours } = view;
  const behind = new Map(ours.behind.map(({ part, why }: Behind) => [part, why]));
  const primary = servers.find(({ role }) => role === "primary");
  const isWhole = [...servers, ...ours.instances].every(({ state }) => state === "up");
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
          {primary?.state !== "up"
            ? `Valkey ${STATES[primary?.state ?? "down"]}`
            : behind.size > 0
              ? `${behind.size} behind: ${Array.from(behind.keys()).join(", ")}`
              : isWhole
                ? "all agree"
                : "all others agree"}
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
