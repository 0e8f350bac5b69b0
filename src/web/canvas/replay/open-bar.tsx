/*
 * The controls of an open replay: how far back, how fast, a timeline, and the way back to now. They
 * are loaded, with all code for a replay, when the user opens the first one.
 */

import { useEffect, useRef, useState } from "preact/hooks";
import { type Past, type ReplayBoard, useActivity } from "./past.js";
import { paceOf, SPEEDS } from "./playback.js";
import { usePlayer } from "./player.js";
import { REPLAYED_PAGES_MAX } from "./replay.js";
import { replaySpans } from "./spans.js";
import { Timeline } from "./timeline.js";

export { openPast } from "./past.js";

const HOUR_MS = 3_600_000;
const timeOfDay = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" });
const dayAndTime = new Intl.DateTimeFormat(undefined, { weekday: "short", hour: "numeric", minute: "2-digit" });

interface OpenBarProps {
  readonly canvas: ReplayBoard;
  readonly name: string;
  readonly past: Past;
  readonly keptMs: number;
  /** Whether another span is on its way. */
  readonly isOpening: boolean;
  readonly failure: string | undefined;
  /** Other pages have come into sight, so other things happened. */
  readonly onPast: (past: Past) => void;
  readonly open: (spanMs: number) => void;
  readonly close: () => void;
}

export function OpenBar({ canvas, name, past, keptMs, isOpening, failure, onPast, open, close }: OpenBarProps) {
  const { replay, activity, isQuiet } = past;
  const spans = replaySpans(keptMs);
  const [speed, setSpeed] = useState(SPEEDS[0]);
  const player = usePlayer(replay, activity.beginMs, paceOf(speed, activity));
  useActivity(canvas, name, past, onPast);
  const isPart = useIsPart(canvas);
  const first = useRef<HTMLButtonElement>(null);
  useEffect(() => first.current?.focus(), []);
  useEscape(close);
  useEffect(() => {
    const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
    player.play(!isStill && activity.counts.length > 0);
  }, [replay]);
  const spanMs = replay.toMs - replay.fromMs;
  const text = (spanMs <= 2 * HOUR_MS ? timeOfDay : dayAndTime).format(player.atMs);
  const quiet = isQuiet && !isOpening && `Nothing here changed in the ${nameOf(spans, spanMs)}.`;
  const loading = (isOpening || player.isWaiting) && "Loading …";
  const note = failure ?? (isPart ? "Zoom in to replay all boxes in view." : quiet || loading);
  return (
    <fieldset class="replay" translate={false} aria-label="Replay" aria-busy={isOpening} data-testid="replay">
      <Timeline activity={activity} atMs={player.atMs} text={text} onSeek={player.seek} />
      <div class="replay-controls">
        <button
          ref={first}
          type="button"
          class="replay-play"
          aria-label={player.isPlaying ? "Pause" : "Play"}
          data-testid="replay-play"
          onClick={() => player.play(!player.isPlaying)}
        >
          <svg viewBox="0 0 16 16" aria-hidden="true">
            <path d={player.isPlaying ? "M3 2h4v12H3zM9 2h4v12H9z" : "M4 2l10 6-10 6z"} />
          </svg>
        </button>
        <output>{text}</output>
        <button
          type="button"
          class="replay-close"
          aria-keyshortcuts="Escape"
          data-testid="replay-close"
          onClick={close}
        >
          Back to now
        </button>
        <select
          aria-label="Speed"
          data-testid="replay-speed"
          onChange={(event) => setSpeed(SPEEDS[event.currentTarget.selectedIndex] ?? SPEEDS[0])}
        >
          {SPEEDS.map((each) => (
            <option key={each.name} selected={each === speed}>
              {each.name}
            </option>
          ))}
        </select>
        {spans.length > 1 && (
          <select
            aria-label="How far back"
            data-testid="replay-span"
            onChange={(event) => open(spans[event.currentTarget.selectedIndex]?.ms ?? spanMs)}
          >
            {spans.map(({ name, ms }) => (
              <option key={name} selected={ms === spanMs}>
                {name}
              </option>
            ))}
          </select>
        )}
      </div>
      <span role="status" class="replay-note" data-testid="replay-note">
        {note}
      </span>
    </fieldset>
  );
}

function nameOf(spans: ReturnType<typeof replaySpans>, spanMs: number): string {
  return (spans.find(({ ms }) => ms === spanMs)?.name ?? "").toLowerCase();
}

/** Wherever the focus is, Escape leads back to now. An open dialog closes first. */
function useEscape(close: () => void): void {
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      if (event.key !== "Escape" || event.isComposing) return;
      if (document.querySelector("dialog[open], [popover=auto]:popover-open")) return;
      event.preventDefault();
      event.stopPropagation();
      close();
    };
    document.addEventListener("keydown", press, true);
    return () => document.removeEventListener("keydown", press, true);
  }, []);
}

/** Whether the view shows pages that the replay leaves out: they are too small, or too many. */
function useIsPart(canvas: ReplayBoard): boolean {
  const [isPart, setPart] = useState(false);
  useEffect(
    () =>
      canvas.on("drawn", () => {
        const { length } = canvas.pages.inSight;
        setPart(length === 0 || length > REPLAYED_PAGES_MAX);
      }),
    [canvas],
  );
  return isPart;
}
