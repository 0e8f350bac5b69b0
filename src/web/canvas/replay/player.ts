/* Plays a replay, or moves it to a moment. Waits while the record of that moment is on its way. */

import { useEffect, useReducer, useState } from "preact/hooks";
import { nextMoment, type Pace } from "./playback.js";
import type { Replay } from "./replay.js";

const TICK_MS = 40;
/** A tab in the background has few ticks, and must not jump ahead. */
const TICK_MS_MAX = 200;

export function usePlayer(replay: Replay, beginMs: number, pace: Pace) {
  const [, render] = useReducer((count: number) => count + 1, 0);
  const [isPlaying, setPlaying] = useState(false);
  const [isWaiting, setWaiting] = useState(false);
  const moveTo = (ms: number) => {
    replay.moveTo(ms);
    render(undefined);
  };
  useEffect(() => {
    if (!isPlaying) return;
    let lastMs = performance.now();
    const timer = setInterval(() => {
      const nowMs = performance.now();
      const passedMs = Math.min(TICK_MS_MAX, nowMs - lastMs);
      lastMs = nowMs;
      setWaiting(!replay.isReady);
      if (!replay.isReady) return;
      moveTo(nextMoment(replay.atMs, passedMs, replay.quietUntilMs, pace));
      if (replay.atMs >= replay.toMs) setPlaying(false);
    }, TICK_MS);
    return () => {
      clearInterval(timer);
      setWaiting(false);
    };
  }, [replay, isPlaying, pace.times, pace.pauseMs]);
  return {
    atMs: replay.atMs,
    isPlaying,
    isWaiting,
    seek: (ms: number) => {
      setPlaying(false);
      moveTo(ms);
    },
    play: (isOn: boolean) => {
      if (isOn && replay.atMs >= replay.toMs) moveTo(beginMs);
      setPlaying(isOn);
    },
  };
}
