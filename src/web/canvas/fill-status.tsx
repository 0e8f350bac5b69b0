/*
 * The progress of changes that are sent in portions, and the button that stops them. A screen
 * reader hears the beginning, each quarter and the end.
 */

import { useRef } from "preact/hooks";
import { countOf, formatCount } from "../../protocol/count.js";
import type { Portions } from "./drawing/portions.js";

export function FillStatus({ portions }: { readonly portions: Portions }) {
  const { progress } = portions;
  const said = useRef("");
  if (progress) said.current = `${25 * Math.floor((4 * progress.done) / progress.total)} % of the boxes sent`;
  else if (said.current) said.current = "Sending has ended.";
  return (
    <>
      {progress && <FillRow portions={portions} {...progress} />}
      <span class="for-screen-readers" translate={false} role="status" data-testid="fill-announcer">
        {said.current}
      </span>
    </>
  );
}

type FillRowProps = { readonly portions: Portions } & NonNullable<Portions["progress"]>;

function FillRow({ portions, done, total, secondsLeft }: FillRowProps) {
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
