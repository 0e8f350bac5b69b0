/*
 * A run: take a look, play the scenes one after the other, put the boxes back, decide. The whole
 * run ends within 30 s, whatever the server does. A scene for which no time is left is not played.
 */

import type { Adapter } from "./adapters/adapter.js";
import { BadAnswer, Interrupted, Stopped } from "./adapters/errors.js";
import { CHECKS } from "./findings/checks.js";
import { decide } from "./findings/findings.js";
import type { CrashSeen, NotPlayed, Observations } from "./findings/observations.js";
import { Hearing } from "./hearing/hearing.js";
import { type Restored, restore, restoreAt } from "./hearing/restore.js";
import type { JudgeResult } from "./report/result.js";
import { restoredText } from "./report/terminal.js";
import { blind } from "./scenes/blind.js";
import { catchUp } from "./scenes/catch-up.js";
import { divergence } from "./scenes/divergence.js";
import { hostile } from "./scenes/hostile.js";
import { join } from "./scenes/join.js";
import { lost } from "./scenes/lost.js";
import { measure } from "./scenes/measure.js";
import { missed } from "./scenes/missed.js";
import { order } from "./scenes/order.js";
import { toggle } from "./scenes/toggle.js";

/** The scenes end after this time, and the rest is for the restoring. */
const SCENES_MS_MAX = 23_000;
const RUN_MS_MAX = 28_500;
/** For each instance that turns out to be another board. */
const OTHER_RESTORE_MS_MAX = 1_500;

const NO_TIME = "there was no time left";

interface JudgeOptions {
  readonly urls: readonly string[];
  readonly adapter: Adapter;
  readonly isHostile: boolean;
  /** Aborted by the person at the terminal. The boxes are restored anyway. */
  readonly signal: AbortSignal;
  /** Reports which scene begins. */
  readonly report?: (line: string) => void;
}

export async function runJudge(options: JudgeOptions): Promise<JudgeResult> {
  const { urls, adapter, isHostile, report = () => undefined } = options;
  const startedAt = new Date().toISOString();
  const startMs = performance.now();
  const time = timeUp(SCENES_MS_MAX, options.signal);
  let hearing: Hearing | undefined;
  try {
    report("opening clients");
    hearing = await Hearing.open(urls, adapter, time.signal);
    const { observations, error } = await observe(hearing, isHostile, report);
    report("restoring the boxes");
    const restored = await putBack(hearing, startMs + RUN_MS_MAX - performance.now());
    if (options.signal.aborted) throw new Stopped(`stopped. ${restoredText(restored)}`);
    if (!observations) throw error;
    return {
      format: 1,
      startedAt,
      seconds: (performance.now() - startMs) / 1_000,
      urls,
      adapter: adapter.name,
      isHostile,
      boxes: hearing.size,
      seenMs: hearing.seenMs,
      requests: hearing.asked.count,
      findings: decide(observations),
      observations,
      restored,
      foreign: hearing.foreign,
    };
  } catch (error) {
    if (error instanceof Stopped) throw error;
    if (options.signal.aborted) throw new Stopped("stopped before anything was clicked");
    if (!time.signal.aborted || (error instanceof Error && !isOfWaiting(error))) throw error;
    throw new BadAnswer(`${urls[0]} was too slow: nothing could be observed within ${SCENES_MS_MAX / 1_000} s`);
  } finally {
    time.end();
    hearing?.close();
  }
}

/** The error is of a server or of a wait that was given up, not a mistake of the judge. */
function isOfWaiting(error: Error): boolean {
  return error instanceof BadAnswer || error.name === "AbortError";
}

/** Nothing is thrown, because the boxes must be restored whatever happens. */
async function observe(hearing: Hearing, isHostile: boolean, report: (line: string) => void) {
  try {
    await measure(hearing);
    return { observations: await playAll(hearing, isHostile, report) };
  } catch (error) {
    return { error: error instanceof Interrupted ? new BadAnswer(`${hearing.url(0)}: ${error.message}`) : error };
  }
}

async function putBack(hearing: Hearing, msMax: number): Promise<Restored> {
  const time = timeUp(msMax);
  hearing.signal = time.signal;
  try {
    return await restore(hearing, msMax);
  } finally {
    time.end();
  }
}

/** The other instances are other boards. They are given back at once. */
async function judgeFirstAlone(hearing: Hearing): Promise<void> {
  for (const url of hearing.urls.slice(1)) {
    hearing.leftElsewhere += (await restoreAt(hearing, url, OTHER_RESTORE_MS_MAX)) ?? hearing.touched.size;
  }
  await hearing.narrow();
}

async function playAll(hearing: Hearing, isHostile: boolean, report: (line: string) => void): Promise<Observations> {
  /** The scene in which all connections ended, although nothing but clicks was sent. */
  let ending: string | undefined;

  async function play<Seen>(name: string, scene: (hearing: Hearing) => Promise<Seen>): Promise<Seen | NotPlayed> {
    if (ending !== undefined) return { notPlayed: `the server had ended all connections during "${ending}"` };
    if (hearing.signal.aborted) return { notPlayed: NO_TIME };
    report(name);
    const { strays, vanished } = hearing;
    try {
      const seen = await scene(hearing);
      if (!hearing.signal.aborted) return seen;
    } catch (error) {
      if (hearing.signal.aborted) return giveUp();
      if (!(error instanceof Interrupted || error instanceof BadAnswer)) throw error;
      if (hearing.witnesses.every(({ isOnline }) => !isOnline)) ending = name;
      else await hearing.refill().catch(() => undefined);
      return { notPlayed: error.message };
    }
    return giveUp();

    /** Clicks that were missing when the time ended might still have arrived. */
    function giveUp(): NotPlayed {
      hearing.strays = strays;
      hearing.vanished = vanished;
      return { notPlayed: NO_TIME };
    }
  }

  const isOne = hearing.urls.length === 1;
  const seenDivergence = isOne
    ? { notPlayed: "only one URL was given" }
    : await play("divergence between instances", divergence);
  const areTwo = "deaf" in seenDivergence && (seenDivergence.deaf.length > 0 || seenDivergence.storedDifferently > 0);
  // The other scenes would fail at two boards for no other reason.
  if (areTwo) await judgeFirstAlone(hearing);
  const seenToggle = await play("toggles", toggle);
  const seenOrder = await play("order", order);
  const seenLost = await play("lost updates", lost);
  hearing.losesUpdates = "lost" in seenLost && seenLost.lost > 0;
  const seenCatchUp = await play("catch-up", catchUp);
  const isStale = "lacking" in seenCatchUp && seenCatchUp.lacking > 0;
  const stale: NotPlayed = {
    notPlayed: `a client that opens the board already lacks clicks (see "${CHECKS.catchUp.title}")`,
  };
  const seen = {
    divergence: seenDivergence,
    toggle: seenToggle,
    order: seenOrder,
    lost: seenLost,
    catchUp: seenCatchUp,
    join: isStale ? stale : await play("the join race", join),
    missed: isStale ? stale : await play("missed messages", missed),
    blind: await play("a busy client", blind),
  };
  const none: NotPlayed = { notPlayed: "add --hostile to try it" };
  const { crash, stall } = await playHostile();
  return { ...seen, crash, stall, vanished: hearing.vanished, strays: hearing.strays };

  async function playHostile() {
    if (isHostile) {
      const both = await play("hostile messages", hostile);
      if ("crash" in both) return both;
      if (ending === undefined) return { crash: both, stall: both };
    }
    if (ending === undefined) return { crash: none, stall: none };
    const crash: CrashSeen = { messages: 0, ending, isBack: false, damage: undefined };
    return { crash, stall: none };
  }
}

/** A signal that is aborted after `ms`, or when `also` is. */
function timeUp(ms: number, also?: AbortSignal) {
  const controller = new AbortController();
  const abort = () => controller.abort();
  const timer = setTimeout(abort, ms);
  also?.addEventListener("abort", abort, { once: true });
  if (also?.aborted) abort();
  const end = () => {
    clearTimeout(timer);
    also?.removeEventListener("abort", abort);
  };
  return { signal: controller.signal, end };
}
