/* The slider of a replay, over a histogram of what happened when. */

import type { Activity } from "./playback.js";

const STEPS = 1_000;
const HEIGHT = 100;
/** The least height of a bar. One change must be visible among thousands. */
const HEIGHT_MIN = 14;

interface TimelineProps {
  readonly activity: Activity;
  readonly atMs: number;
  readonly text: string;
  readonly onSeek: (ms: number) => void;
}

export function Timeline({ activity, atMs, text, onSeek }: TimelineProps) {
  const { beginMs, toMs } = activity;
  const lengthMs = Math.max(1, toMs - beginMs);
  const stepOf = (ms: number) => ((ms - beginMs) / lengthMs) * STEPS;
  return (
    <div class="replay-timeline">
      <svg
        viewBox={`0 0 ${STEPS} ${HEIGHT}`}
        preserveAspectRatio="none"
        aria-hidden="true"
        data-testid="replay-activity"
      >
        <path d={barsPath(activity, stepOf)} />
      </svg>
      <input
        type="range"
        min={0}
        max={STEPS}
        value={stepOf(atMs)}
        aria-label="Time"
        aria-valuetext={`${text}, ${isBusy(activity, atMs) ? "changes" : "no changes"} around then`}
        data-testid="replay-time"
        onInput={(event) => onSeek(beginMs + (Number(event.currentTarget.value) / STEPS) * lengthMs)}
      />
    </div>
  );
}

/** Bars as one path. Their heights grow with the root of the numbers, so that small ones show. */
function barsPath({ fromMs, toMs, counts }: Activity, stepOf: (ms: number) => number): string {
  const most = Math.max(1, ...counts);
  const partMs = (toMs - fromMs) / Math.max(1, counts.length);
  const bars = counts.map((count, part) => {
    if (count === 0) return "";
    const left = stepOf(fromMs + part * partMs);
    const width = (stepOf(fromMs + partMs) - stepOf(fromMs)) * 0.8;
    const height = HEIGHT_MIN + (HEIGHT - HEIGHT_MIN) * Math.sqrt(count / most);
    return `M${left.toFixed(1)} ${HEIGHT}v${-height.toFixed(1)}h${width.toFixed(1)}v${height.toFixed(1)}z`;
  });
  return bars.join("");
}

function isBusy({ fromMs, toMs, counts }: Activity, ms: number): boolean {
  const part = Math.floor(((ms - fromMs) / Math.max(1, toMs - fromMs)) * counts.length);
  return (counts[part] ?? 0) > 0;
}
