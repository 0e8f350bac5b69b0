/*
 * A run: connect, load (or search for the knee), let everything settle, judge. Printing is others' work; `tell` hears
 * each second as it ends.
 */

import { cpus, release, type } from "node:os";
import { PAGE_CELLS, pageCount } from "../board/geometry.js";
import { judge } from "./correctness.js";
import { Crew } from "./crew.js";
import { DeploymentUnusable, readInstance } from "./deployment.js";
import { findMax, judgeTrial, type Trial } from "./find-max.js";
import { latencyOf, Recorder } from "./recorder.js";
import type { BenchResult, Second } from "./result.js";
import type { Scenario } from "./scenario.js";

const CONNECT_MS_MAX = 15_000;
const SETTLE_MS_MAX = 20_000;
const LEVEL_MS_MAX = 15_000;
/** Of each trial, before it is measured: the flush interval follows the load. */
const WARM_UP_MS = 1_000;
const SECOND_MS = 1_000;

export async function runBench(
  scenario: Scenario,
  tell: (second: Second) => void = () => undefined,
): Promise<BenchResult> {
  const startedAt = new Date().toISOString();
  const instances = await Promise.all(scenario.urls.map((url) => readInstance(url, scenario.board)));
  const size = Math.min(...instances.map((instance) => instance.size));
  if (new Set(instances.map((instance) => instance.size)).size > 1) {
    throw new DeploymentUnusable(`the instances disagree on the size of board "${scenario.board}"`);
  }
  const pages = Math.min(scenario.pages, pageCount(size));
  const recorder = new Recorder(tell);
  const crew = new Crew({ ...scenario, pages }, Math.min(size, pages * PAGE_CELLS), {
    tally: (worker, tallied, live, busy) => recorder.take(worker, tallied, live, busy),
  });
  const ticking = setInterval(() => recorder.tick(), SECOND_MS);
  let isOrderly = false;
  try {
    const live = await crew.connect(CONNECT_MS_MAX);
    const connected = live.reduce((sum, answer) => sum + answer.live, 0);
    if (connected === 0) throw new DeploymentUnusable(`no client could connect${reasons(recorder)}`);
    recorder.phase = "load";
    const found = scenario.findMax
      ? await findMax(scenario.rate, (rate) => attempt(crew, recorder, scenario, rate))
      : undefined;
    recorder.restart();
    const startMs = performance.now();
    // After a search, the measured run is at the knee.
    const rate = found ? (found.knee ?? 0) : scenario.rate;
    if (rate > 0) await crew.load(rate, scenario.durationMs);
    const loadMs = performance.now() - startMs;
    // Answers that are still under way belong to the load.
    const pending = await crew.settle(SETTLE_MS_MAX);
    recorder.phase = "check";
    const verdict = await judge(
      crew,
      scenario,
      pages,
      pending.reduce((sum, answer) => sum + answer.pending, 0),
      LEVEL_MS_MAX,
    );
    isOrderly = true;
    const { counts, shown, settled, late } = recorder.total;
    return {
      format: 1,
      startedAt,
      scenario: { ...scenario, pages },
      instances,
      machine: {
        node: process.version,
        system: `${type()} ${release()}`,
        cpu: cpus()[0]?.model ?? "unknown",
        cores: cpus().length,
      },
      connected,
      seconds: recorder.seconds,
      loadMs: Math.round(loadMs),
      counts,
      shown: latencyOf(shown),
      settled: latencyOf(settled),
      late: latencyOf(late),
      busy: recorder.busy,
      codes: recorder.codes.codes,
      trials: found?.trials ?? [],
      knee: found?.knee ?? null,
      verdict,
    };
  } finally {
    clearInterval(ticking);
    await crew.close(isOrderly);
  }
}

async function attempt(crew: Crew, recorder: Recorder, scenario: Scenario, rate: number): Promise<Trial> {
  await crew.load(rate, WARM_UP_MS);
  recorder.restart();
  const startMs = performance.now();
  await crew.load(rate, scenario.durationMs);
  const seconds = (performance.now() - startMs) / 1_000;
  const { counts, shown, codes } = recorder.total;
  const trial = judgeTrial(
    { rate, acknowledged: counts.acknowledged / seconds, p99: latencyOf(shown).p99, codes: Object.keys(codes) },
    scenario.p99MsMax,
  );
  await crew.settle(SETTLE_MS_MAX);
  return trial;
}

function reasons(recorder: Recorder): string {
  const codes = Object.keys(recorder.codes.codes);
  return codes.length > 0 ? `: refused with ${codes.join(", ")}` : "";
}
