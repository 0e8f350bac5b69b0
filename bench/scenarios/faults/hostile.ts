/*
 * Question: what do hostile clients cost clients that behave?
 *
 * One client clicks, and another, on the last instance and in a process of its own, reports when it
 * sees the click. Ten bystanders watch and write in every round, so that there is something to
 * send. Rounds with and without the hostile crowd alternate, so that the machine's noise affects
 * both. The crowd attacks all instances; hostile-crowd.ts has its kinds.
 */

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { sharedNow } from "../../../src/bench/probes.js";
import type { Board } from "../../../src/client/index.js";
import { watchBoard } from "../../../test/support/clients.js";
import { newSession, rawClient } from "../../../test/support/raw-client.js";
import { type Deployment, deploy, measureCores } from "../../load/deployment.js";
import { percentile, Rounds, type Scenario, type Settings } from "../../load/outcome.js";
import { startChild, usage } from "../../load/processes.js";

const SIZE = 4 * 65_536;
const FILL_CELLS = 512;
const CLICK_EVERY_MS = 20;
const HEALTH_EVERY_MS = 50;
const BYSTANDERS = 10;
/** After this, the crowd has used up its bursts. */
const SETTLE_MS = 6_000;
const PAUSE_MS = 1_000;

/** All limits are the defaults, except those of writes, which the bystanders need. */
const FLAGS = {
  WRITES_PER_SECOND: "1000",
  WRITE_BURST: "2000",
  HISTORY: "big=1h",
  BOARDS: `big=${SIZE},clicks=1000,main=1000`,
};

const COLUMNS = {
  p50: "click → client p50, ms",
  p95: "p95, ms",
  worst: "worst, ms",
  health: "GET /health, worst, ms",
  cores: "cores of the instances",
  megabytes: "memory of the instances, MB",
};
type Measured = Readonly<Record<keyof typeof COLUMNS, number>>;

export const hostile: Scenario = {
  name: "hostile",
  question: "What do hostile clients cost clients that behave, on two instances over Valkey?",
  run: (settings) => deploy(2, FLAGS, (deployment) => measure(deployment, settings)),
};

export const hostileEmbedded: Scenario = {
  name: "hostile-embedded",
  question: "What do hostile clients cost clients that behave, on one instance with the embedded store?",
  run: async (settings) => {
    const folder = mkdtempSync(join(tmpdir(), "socketscaler-hostile-"));
    try {
      const flags = { ...FLAGS, DATA_DIR: folder, VALKEY_URL: undefined };
      return await deploy(1, flags, (deployment) => measure(deployment, settings));
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  },
};

async function measure({ instances, urls, closing }: Deployment, { isQuick, tell }: Settings) {
  const rounds = isQuick ? 1 : 5;
  const seconds = isQuick ? 3 : 6;
  const [from = ""] = urls;
  const to = urls.at(-1) ?? from;
  await fill(from);
  const { board } = closing(await watchBoard(from, "clicks"));
  const reader = await startChild("hostile-reader.ts", import.meta.url, to, "clicks");
  closing({ close: () => reader.kill() });
  const watching = Array.from({ length: BYSTANDERS }, (_, index) => watchBoard(urls[index % urls.length] ?? "", "big"));
  const bystanders = (await Promise.all(watching)).map(closing);
  const noise = setInterval(() => {
    for (const { board } of bystanders) {
      const cell = Math.floor(Math.random() * SIZE);
      board.set(cell, board.get(cell) !== true).catch(() => undefined);
    }
  }, 25);
  closing({ close: () => clearInterval(noise) });

  const found = Object.keys(COLUMNS).map((key) => ({ key, rounds: new Rounds() }));
  const measureRound = async (name: string) => {
    const cores = measureCores(instances);
    const health = watchHealth(to, instances);
    const tookMs = await click(board, reader, seconds);
    const measured: Measured = {
      p50: percentile(tookMs, 0.5),
      p95: percentile(tookMs, 0.95),
      worst: percentile(tookMs, 1),
      ...(await health()),
      cores: cores(),
    };
    tell(`${name}: p95 ${measured.p95.toFixed(1)} ms`);
    for (const { key, rounds } of found) rounds.add(name, measured[key as keyof Measured]);
  };
  await click(board, reader, seconds);
  for (let round = 0; round < rounds; round++) {
    await measureRound("without");
    const crowd = await startChild("hostile-crowd.ts", import.meta.url, ...urls);
    await pause(SETTLE_MS);
    await measureRound("with");
    const gone = once(crowd, "exit");
    crowd.kill("SIGKILL");
    await gone;
    await pause(PAUSE_MS);
  }
  const spreads = (crowd: string) => Object.fromEntries(found.map(({ key, rounds }) => [key, rounds.spread(crowd)]));
  return {
    method: `${rounds} rounds of ${seconds} s each, alternately with and without the crowd; ${BYSTANDERS} bystanders write. Median (lowest–highest).`,
    columns: { crowd: "hostile crowd", ...COLUMNS },
    rows: ["without", "with"].map((crowd) => ({ crowd, ...spreads(crowd) })),
  };
}

let clicks = 0;

/** Clicks for some time; returns the milliseconds that each click took to reach the reader. */
async function click(board: Board, reader: ChildProcess, seconds: number): Promise<number[]> {
  const tookMs: number[] = [];
  const endMs = performance.now() + seconds * 1_000;
  while (performance.now() < endMs) {
    await pause(CLICK_EVERY_MS);
    const arrived = once(reader, "message");
    const clickedMs = sharedNow();
    void board.set(clicks % 1_000, Math.floor(clicks / 1_000) % 2 === 0).catch(() => undefined);
    clicks++;
    const [atMs]: number[] = await arrived;
    tookMs.push((atMs ?? Number.NaN) - clickedMs);
  }
  return tookMs;
}

/** Measures until the returned function is called, which gives the worst of both. */
function watchHealth(url: string, instances: Deployment["instances"]) {
  let isOver = false;
  const worst = { health: 0, megabytes: 0 };
  const asking = (async () => {
    while (!isOver) {
      const startMs = performance.now();
      await fetch(`${url}/health`).then((answer) => answer.arrayBuffer());
      worst.health = Math.max(worst.health, performance.now() - startMs);
      const bytes = instances.reduce((sum, { child }) => sum + usage(child.pid).residentBytes, 0);
      worst.megabytes = Math.max(worst.megabytes, bytes / 1e6);
      await pause(HEALTH_EVERY_MS);
    }
  })();
  return async () => {
    isOver = true;
    await asking;
    return worst;
  };
}

/** Checks an eighth of all cells at random: enough that a page's snapshot is its whole bitmap. */
async function fill(url: string): Promise<void> {
  const client = await rawClient(url, "big");
  const session = newSession();
  for (let seq = 1; seq <= SIZE / 8 / FILL_CELLS; seq++) {
    const changes = Array.from({ length: FILL_CELLS }, (): [number, 1] => [Math.floor(Math.random() * SIZE), 1]);
    for (;;) {
      const answer = await client.write(session, seq, changes);
      if (!("error" in answer)) break;
      await pause(answer.error.retryAfterMs ?? 100);
    }
  }
  client.close();
}
