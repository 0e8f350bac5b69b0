/* The time that a piece of code takes: warmed up, in rounds. */

import { type Spread, spreadOf } from "../load/outcome.js";

const WARM_UP_MS = 150;
const ROUND_MS = 150;
const ROUNDS = 7;
const AT_ONCE = 64;

/** The last result, exported so that V8 cannot skip the work. */
export let sink: unknown;

/** Microseconds per call. */
export function microsecondsOf(call: () => unknown, isQuick: boolean): Spread {
  runFor(WARM_UP_MS, call);
  const rounds = Array.from({ length: isQuick ? 3 : ROUNDS }, () => runFor(isQuick ? ROUND_MS / 3 : ROUND_MS, call));
  return spreadOf(rounds);
}

function runFor(ms: number, call: () => unknown): number {
  const startMs = performance.now();
  let calls = 0;
  let elapsedMs = 0;
  do {
    for (let index = 0; index < AT_ONCE; index++) sink = call();
    calls += AT_ONCE;
    elapsedMs = performance.now() - startMs;
  } while (elapsedMs < ms);
  return (elapsedMs * 1_000) / calls;
}
