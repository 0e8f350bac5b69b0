/* A run: connect, load (or search for the knee), let everything settle, judge. */

import { cpus, release, type } from "node:os";
import { PAGE_CELLS, pageCount } from "../board/geometry.js";
import { judge } from "./correctness.js";
import { Crew } from "./crew.js";
import { DeploymentUnusable, type InstanceInfo, readInstance } from "./deployment.js";
import { type Found, findMax, judgeTrial, type Trial } from "./find-max.js";
import { latencyOf, Recorder, type Second } from "./recorder.js";
import type { BenchResult } from "./result.js";
import { type Scenario, urlsOf } from "./scenario.js";
import { measure } from "./usage.js";

const CONNECT_MS_MAX = 15_000;
const SETTLE_MS_MAX = 20_000;
const LEVEL_MS_MAX = 15_000;
/** Load before each trial that is not measured: the flush interval adapts to the load. */
const WARM_UP_MS = 1_000;
const SECOND_MS = 1_000;
const NO_SEARCH: Found = { trials: [], knee: null };

export async function runBench(
  asked: Scenario,
  report: (second: Second) => void = () => undefined,
): Promise<BenchResult> {
  const startedAt = new Date().toISOString();
  const instances = await Promise.all(urlsOf(asked).map((url) => readInstance(url, asked.board)));
  if (asked.via === "relay") checkRelays(instances, asked.viewerUrls);
  const size = sizeOf(instances);
  const scenario = { ...asked, pages: Math.min(asked.pages, pageCount(size)) };
  const recorder = new Recorder(report);
  const crew = new Crew(scenario, Math.min(size, scenario.pages * PAGE_CELLS), (worker, tallies) =>
    recorder.take(worker, tallies),
  );
  const ticking = setInterval(() => recorder.tick(), SECOND_MS);
  let isOrderly = false;
  try {
    const connected = await connectAll(crew, recorder);
    recorder.phase = "load";
    const found = scenario.findMax
      ? await findMax(scenario.rate, (rate) => attempt(crew, recorder, scenario, rate))
      : NO_SEARCH;
    // After a search, the knee is measured.
    const rate = scenario.findMax ? (found.knee ?? 0) : scenario.rate;
    const { loadMs, usages, verdict } = await loadAndJudge(crew, recorder, scenario, rate);
    isOrderly = true;
    const { counts, shown, settled, late } = recorder.total;
    return {
      format: 1,
      startedAt,
      scenario,
      instances,
      machine: describeMachine(),
      connected,
      seconds: recorder.seconds,
      loadMs,
      counts,
      usages,
      shown: latencyOf(shown),
      settled: latencyOf(settled),
      late: latencyOf(late),
      busy: recorder.busy,
      codes: recorder.codes.codes,
      ...found,
      verdict,
    };
  } finally {
    clearInterval(ticking);
    await crew.close(isOrderly);
  }
}

function sizeOf(instances: readonly InstanceInfo[]): number {
  const [first, ...others] = instances;
  if (!first || others.some(({ size }) => size !== first.size)) {
    throw new DeploymentUnusable("the instances disagree on the size of the board: give only URLs of one deployment");
  }
  return first.size;
}

function checkRelays(instances: readonly InstanceInfo[], viewerUrls: readonly string[]): void {
  const other = instances.find(({ url, engine }) => viewerUrls.includes(url) && engine !== "upstream");
  if (!other) return;
  throw new DeploymentUnusable(
    `${other.url} is not a relay: give the URLs of relays, or give none to let the bench start an instance and a relay`,
  );
}

async function connectAll(crew: Crew, recorder: Recorder): Promise<number> {
  const connected = sum(await crew.call("connect", CONNECT_MS_MAX));
  if (connected > 0) return connected;
  const codes = Object.keys(recorder.codes.codes);
  throw new DeploymentUnusable(
    `no client could connect${codes.length > 0 ? ` (${codes.join(", ")})` : ""}: check the deployment with doctor`,
  );
}

async function attempt(crew: Crew, recorder: Recorder, scenario: Scenario, rate: number): Promise<Trial> {
  await crew.call("load", rate, WARM_UP_MS);
  recorder.restart();
  const startMs = performance.now();
  await crew.call("load", rate, scenario.durationMs);
  const seconds = (performance.now() - startMs) / 1_000;
  const { counts, shown, codes } = recorder.total;
  const trial = judgeTrial(
    { rate, acknowledged: counts.acknowledged / seconds, p99: latencyOf(shown).p99, codes: Object.keys(codes) },
    scenario.p99MsMax,
  );
  await crew.call("settle", SETTLE_MS_MAX);
  return trial;
}

async function loadAndJudge(crew: Crew, recorder: Recorder, scenario: Scenario, rate: number) {
  recorder.restart();
  const used = await measure(scenario.measured);
  const startMs = performance.now();
  // Viewers without any news are worth a measurement too.
  if (rate > 0 || scenario.viewers > 0) await crew.call("load", rate, scenario.durationMs);
  const loadMs = Math.round(performance.now() - startMs);
  const usages = await used();
  // Answers that are still on their way belong to the load.
  const pending = sum(await crew.call("settle", SETTLE_MS_MAX));
  recorder.phase = "check";
  return { loadMs, usages, verdict: await judge(crew, scenario, pending, LEVEL_MS_MAX) };
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}

function describeMachine(): BenchResult["machine"] {
  const all = cpus();
  return {
    node: process.version,
    system: `${type()} ${release()}`,
    cpu: all[0]?.model ?? "unknown",
    cores: all.length,
  };
}
