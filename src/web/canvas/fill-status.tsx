/* The progress of changes that are sent in portions, and the button that stops them. */

import { countOf, formatCount } from "../../protocol/count.js";
import type { Portions } from "./drawing/portions.js";

export function FillStatus({ portions }: { readonly portions: Portions }) {
  const { progress } = portions;
  if (!progress) return null;
  const { done, total, secondsLeft } = progress;
  return (
    <div class="fill-row">
      <div class="fill-status" data-testid="fill-status">
        <progress max={total} value={done} aria-label="Boxes sent" />
        <span translate={false}>
          {formatCount(done)} of {countOf(total, "box", "boxes")} sent
          {secondsLeft && `, about ${timeOf(secondsLeft)} left`}
        </span>
        <button type="button" data-testid="fill-stop" onClick={() => portions.stop()}>
          Stop
        </button>
      </div>
    </div>
  );
}

function timeOf(seconds: number): string {
  return seconds < 60 ? `${seconds} s` : `${Math.ceil(seconds / 60)} min`;
}
