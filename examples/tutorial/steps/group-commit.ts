/* Step 5: the cost of clicks that travel alone, and of clicks that travel together. */

import { Fleet, type Run } from "../../../bench/load/fleet.js";
import type { System } from "../../../bench/load/system.js";
import { countOf } from "../../../src/protocol/count.js";
import { ask } from "../../../test/support/resp.js";
import type { Stage } from "../stage.js";
import type { Lesson, Outcome } from "../step.js";
import { naiveSystem, ourSystem } from "../systems.js";

const CELLS = 10_000;
const INSTANCES = 2;
const RATE = 2_000;
const IDLE_RATE = 10;
/** Ours must need at most half. It needs far less, however busy the machine is. */
const SHARE_MAX = 0.5;

export const groupCommit: Lesson = {
  title: "Group commit",
  scene: `${RATE.toLocaleString("en-US")} clicks a second through ${INSTANCES} instances, each a process of its own.`,
  run: async (stage) => {
    const naive = await play(stage, naiveSystem(stage.exercise?.file), countMessages);
    const ours = await play(stage, ourSystem(CELLS), countBatches);
    return judge(naive, ours, stage.exercise !== undefined);
  },
  exercise: {
    naive: "bitmap",
    task: `let clicks travel together: fewer messages at Valkey for the same clicks, and none lost.
While one commit is on its way, gather the clicks that arrive, and send them as the next one.
The step counts your messages. To pass, send at most twice as many as ours.`,
  },
};

interface Bill extends Run {
  /** Commits of all instances together for these clicks. */
  readonly commits: number;
  readonly clients: number;
  readonly lost: number;
  /** Median time from a click to its change at a client, one click at a time. */
  readonly idleMs: number;
}

type CountCommits = (fleet: Fleet) => Promise<number>;

/** A naive version publishes one message with each commit. */
const countMessages: CountCommits = async ({ valkey }) => {
  const stats = String(await ask(valkey.port, "INFO", "commandstats"));
  return Number(/cmdstat_publish:calls=(\d+)/.exec(stats)?.[1] ?? 0);
};

const countBatches: CountCommits = async ({ servers }) => {
  const metrics = await Promise.all(servers.map(async ({ url }) => (await fetch(`${url}/metrics`)).text()));
  return metrics.reduce((sum, text) => sum + Number(/^socketscaler_batch_writes_count (\d+)/m.exec(text)?.[1] ?? 0), 0);
};

async function play(stage: Stage, system: System, count: CountCommits): Promise<Bill> {
  const [clients, seconds] = stage.isQuick ? [16, 1] : [48, 3];
  stage.tell(`${system.name}: a Valkey, ${INSTANCES} instances, ${clients} clients …`);
  const fleet = await Fleet.start(system, { servers: INSTANCES, clients, cells: CELLS });
  stage.after(() => fleet.stop());
  stage.sweeps(fleet.valkey.directory);
  // Warms up both sides: code that has not run yet is slow.
  await fleet.run(RATE, 2);
  stage.tell(`${system.name}: ${RATE} clicks a second for ${seconds} s …`);
  const before = await count(fleet);
  const run = await fleet.run(RATE, seconds);
  const commits = (await count(fleet)) - before;
  const idle = await fleet.run(IDLE_RATE, 1);
  const { lostWrites } = await fleet.judge();
  return { ...run, commits, clients, lost: lostWrites, idleMs: idle.p50 };
}

/** A learner's server may be as good as ours. */
function judge(naive: Bill, ours: Bill, isExercise: boolean): Outcome {
  const row = (what: string, show: (bill: Bill) => string) => ({ what, naive: show(naive), ours: show(ours) });
  const whole = (value: number) => Math.round(value).toLocaleString("en-US");
  const isCheap = (read: (bill: Bill) => number) => read(ours) <= read(naive) * SHARE_MAX;
  const isGrouped = isCheap(({ commits }) => commits) && isCheap(({ frames }) => frames);
  return {
    rows: [
      row("clicks", ({ writes }) => whole(writes)),
      row("commits at Valkey", ({ commits }) => whole(commits)),
      row("clicks per commit, on average", ({ writes, commits }) => (writes / commits).toFixed(1)),
      row("frames per client", ({ frames, clients }) => whole(frames / clients)),
      row("bytes per client", ({ bytes, clients }) => whole(bytes / clients)),
      row(`CPU of the ${INSTANCES} instances`, ({ serversCpuSeconds }) => `${serversCpuSeconds.toFixed(2)} s`),
      row("CPU of Valkey", ({ valkeyCpuSeconds }) => `${valkeyCpuSeconds.toFixed(2)} s`),
      row("from a click to its change at a client, median", ({ p50 }) => `${p50.toFixed(1)} ms`),
      row("… 99th percentile", ({ p99 }) => `${p99.toFixed(1)} ms`),
      row(`… median at ${IDLE_RATE} clicks a second`, ({ idleMs }) => `${idleMs.toFixed(1)} ms`),
      row("clicks lost", ({ lost }) => whole(lost)),
    ],
    naiveFault:
      naive.lost > 0
        ? `${countOf(naive.lost, "click was", "clicks were")} lost`
        : isGrouped
          ? `${whole(naive.commits / ours.commits)} times the commits for the same clicks`
          : undefined,
    ourFault:
      ours.lost > 0
        ? `${countOf(ours.lost, "click was", "clicks were")} lost`
        : isGrouped || isExercise
          ? undefined
          : "clicks did not travel together",
  };
}
