/* Play, pause, and a slider over the span of one replay. */

import { useEffect, useState } from "preact/hooks";
import type { Replay } from "./replay.js";

/** Playing takes this long, whatever the span. */
const PLAY_MS = 20_000;
const TICK_MS = 50;
const STEPS = 1_000;
const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });

export function Timeline({ replay }: { replay: Replay }) {
  const [atMs, setAt] = useState(replay.atMs);
  const [isPlaying, setPlaying] = useState(false);
  const { fromMs, toMs } = replay;
  const spanMs = toMs - fromMs;
  const seek = (ms: number) => {
    replay.moveTo(ms);
    setAt(replay.atMs);
  };
  useEffect(() => {
    if (!isPlaying) return;
    const timer = setInterval(() => {
      seek(replay.atMs + (spanMs * TICK_MS) / PLAY_MS);
      if (replay.atMs >= toMs) setPlaying(false);
    }, TICK_MS);
    return () => clearInterval(timer);
  }, [replay, isPlaying]);
  const play = () => {
    if (replay.atMs >= toMs) seek(fromMs);
    setPlaying(!isPlaying);
  };
  return (
    <>
      <button type="button" data-testid="replay-play" onClick={play}>
        {isPlaying ? "Pause" : "Play"}
      </button>
      <input
        type="range"
        min={0}
        max={STEPS}
        value={((atMs - fromMs) / spanMs) * STEPS}
        aria-label="Time"
        aria-valuetext={clock.format(atMs)}
        data-testid="replay-time"
        onInput={(event) => {
          setPlaying(false);
          seek(fromMs + (Number(event.currentTarget.value) / STEPS) * spanMs);
        }}
      />
      <output>{clock.format(atMs)}</output>
    </>
  );
}
