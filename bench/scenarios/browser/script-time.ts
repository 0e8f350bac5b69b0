/*
 * The processor time of the app's own script in each frame, from Chromium's trace. Time by the
 * clock would include other processes that run in the middle of a frame.
 */

import type { CDPSession } from "playwright-core";

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds of processor time; `dur`, by the clock, if the system gives none. */
  readonly tdur?: number;
  readonly dur?: number;
}

interface ScriptTime {
  /** Processor time of each call of requestAnimationFrame's function, in ms. */
  readonly frameMs: readonly number[];
  /** Tasks of the main thread that took at least 50 ms of processor time. */
  readonly longTasks: number;
  readonly longestTaskMs: number;
}

const LONG_MS = 50;

/** Traces the app during `run`. */
export async function traceScript<Result>(
  session: CDPSession,
  run: () => Promise<Result>,
): Promise<readonly [Result, ScriptTime]> {
  const events: TraceEvent[] = [];
  const gather = ({ value }: { value: unknown[] }) => void events.push(...(value as TraceEvent[]));
  session.on("Tracing.dataCollected", gather);
  await session.send("Tracing.start", {
    transferMode: "ReportEvents",
    traceConfig: { includedCategories: ["devtools.timeline", "toplevel"] },
  });
  const result = await run();
  const complete = new Promise<void>((done) => session.once("Tracing.tracingComplete", () => done()));
  await session.send("Tracing.end");
  await complete;
  session.off("Tracing.dataCollected", gather);
  return [result, readScriptTime(events)];
}

function readScriptTime(events: readonly TraceEvent[]): ScriptTime {
  const main = events.find(({ name }) => name === "FireAnimationFrame");
  const ofMain = events.filter(({ ph, pid, tid }) => ph === "X" && pid === main?.pid && tid === main.tid);
  const msOf = ({ tdur, dur = 0 }: TraceEvent) => (tdur ?? dur) / 1_000;
  const taskMs = ofMain.filter(({ name }) => /RunTask$/.test(name)).map(msOf);
  return {
    frameMs: ofMain.filter(({ name }) => name === "FireAnimationFrame").map(msOf),
    longTasks: taskMs.filter((ms) => ms >= LONG_MS).length,
    longestTaskMs: taskMs.reduce((longest, ms) => Math.max(longest, ms), 0),
  };
}
