/*
 * Question: what does one page cost Valkey if 100 instances hold it and write to it?
 *
 * Simulated instances write with the writer of a real one, 50 single changes a second each, and all
 * of them receive every commit. They take turns between the pace of the code and the rule before
 * it, by which an instance looked only at its own commits. Real instances then write among fewer
 * simulated ones, so that the measured click is one of real clients too.
 */

import { setTimeout as pause } from "node:timers/promises";
import { Pace } from "../../src/server/writes/pace.js";
import type { PaceRule } from "../../src/server/writes/writer.js";
import { Names } from "../../src/store/valkey/scripts/keys.js";
import { Remarks } from "../load/correctness.js";
import { Fleet } from "../load/fleet.js";
import { oursOn } from "../load/ours.js";
import { atMost, type Scenario, type Settings, spreadOf } from "../load/outcome.js";
import { FIRST_CELL, PageWriters } from "../load/page-writers.js";
import { cpuSeconds, startChild, startValkey } from "../load/processes.js";
import type { System } from "../load/system.js";

const REF = { board: "main", page: 0 };
const INSTANCES = 100;
/** Writes per second of one instance. */
const RATE = 50;
const REAL = 8;
/** Simulated instances that write beside the real ones: more would need more than two cores. */
const BESIDE_REAL = 42;
const CLIENTS = 40;
/** The judgement of a pace takes a quarter of a second, then the backlog of the start goes. */
const WARM_MS = 2_000;
const CORES = 0.4;
const P99_MS = 150;

/** The rule before: an instance rests for 10 ms while it commits often itself. */
class OwnCommits extends Pace {
  override waitMs(): number {
    return 0;
  }
}

const RULES: readonly { readonly name: string; readonly newRule: () => PaceRule }[] = [
  { name: "before: an instance looks at its own commits", newRule: () => new OwnCommits() },
  { name: "now: an instance looks at all commits of the page", newRule: () => new Pace() },
];

interface Cost {
  readonly cores: number;
  readonly us: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
}

export const manyInstances: Scenario = {
  name: "many-instances",
  question: `What does one page cost Valkey if ${INSTANCES} instances hold it and write to it?`,
  run: async (settings) => {
    const remarks = new Remarks();
    const rules = await measureRules(settings);
    const real = await measureReal(settings, remarks);
    const [before, now] = rules.map(({ costs }) => rowOf(costs));
    return {
      method:
        `${INSTANCES} subscribers of one page and ${INSTANCES} writers of ${RATE} single changes a second, over one Valkey. Each writer is that of an instance, with a connection of its own; ` +
        "one subscriber measures a click, from the write to a flush every 60 ms; the others only read. The two rules alternate. " +
        `The last row has as many subscribers, but ${REAL} real instances with ${CLIENTS} clients, whose clicks it measures, and ${BESIDE_REAL} writers.`,
      columns: {
        system: "pace",
        cores: "Valkey's CPU, cores",
        us: "per commit, µs",
        perSecond: "commits per second",
        p50: "click → client p50, ms",
        p99: "p99, ms",
      },
      rows: [...rules, real].map(({ name, costs }) => ({ system: name, ...rowOf(costs) })),
      targets: [
        atMost(CORES, "cores", `Valkey's CPU for ${INSTANCES} × ${RATE} writes/s`, now?.cores.median ?? null),
        atMost(P99_MS, "ms", "p99 of a click there", now?.p99.median ?? null),
        atMost(
          P99_MS,
          "ms",
          `p99 of a click at ${REAL} real instances and ${BESIDE_REAL} simulated`,
          rowOf(real.costs).p99.median,
        ),
      ],
      notes: [
        `Valkey now uses ${((now?.cores.median ?? Number.NaN) / (before?.cores.median ?? Number.NaN)).toFixed(2)} × as much CPU as before.`,
        ...remarks.notes,
      ],
      faults: remarks.faults,
    };
  },
};

async function measureRules({ isQuick, tell }: Settings) {
  const found = RULES.map((rule) => ({ ...rule, costs: [] as Cost[] }));
  const valkey = await startValkey();
  try {
    const writers = await PageWriters.start(valkey.port, REF, INSTANCES);
    // The writers' process has a subscriber of its own.
    const readers = await startReaders(valkey.port, INSTANCES - 1);
    for (let round = 0; round < (isQuick ? 1 : 3); round++) {
      for (const { name, newRule, costs } of found) {
        const running = writers.run(INSTANCES * RATE, isQuick ? 4 : 8, newRule);
        const cost = await costOf(valkey.pid, writers, running);
        costs.push(cost);
        tell(`${name}: ${cost.cores.toFixed(2)} cores, p99 ${cost.p99.toFixed(0)} ms`);
      }
    }
    writers.close();
    readers.kill();
  } finally {
    await valkey.stop();
  }
  return found;
}

async function measureReal({ isQuick, tell }: Settings, remarks: Remarks) {
  const name = `now: ${REAL} real instances and ${BESIDE_REAL} simulated`;
  const costs: Cost[] = [];
  const system = firstCells(oursOn("main=65536"));
  const fleet = await Fleet.start(system, { servers: REAL, clients: CLIENTS, cells: FIRST_CELL });
  try {
    const writers = await PageWriters.start(fleet.valkey.port, REF, BESIDE_REAL);
    const readers = await startReaders(fleet.valkey.port, INSTANCES - REAL - 1);
    for (let round = 0; round < (isQuick ? 1 : 3); round++) {
      const seconds = isQuick ? 4 : 8;
      const simulated = writers.run(BESIDE_REAL * RATE, seconds + WARM_MS / 1_000, () => new Pace());
      const cost = costOf(fleet.valkey.pid, writers, simulated);
      await fleet.run(REAL * RATE, WARM_MS / 1_000);
      const { p50, p99 } = await fleet.run(REAL * RATE, seconds);
      costs.push({ ...(await cost), p50, p99 });
      tell(`${name}: ${(await cost).cores.toFixed(2)} cores, p99 ${p99.toFixed(0)} ms`);
    }
    writers.close();
    readers.kill();
    remarks.add(system.name, await fleet.judge());
  } finally {
    await fleet.stop();
  }
  return { name, costs };
}

/** From WARM_MS after the start until all writes are committed. */
async function costOf(pid: number, writers: PageWriters, running: Promise<void>): Promise<Cost> {
  await pause(WARM_MS);
  writers.delays();
  const before = { ms: performance.now(), cpu: cpuSeconds([pid]), commits: writers.version };
  await running;
  const seconds = (performance.now() - before.ms) / 1_000;
  const cpu = cpuSeconds([pid]) - before.cpu;
  const commits = writers.version - before.commits;
  return { cores: cpu / seconds, us: (cpu * 1e6) / commits, perSecond: commits / seconds, ...writers.delays() };
}

function startReaders(port: number, count: number) {
  return startChild(
    "../load/page-readers.ts",
    import.meta.url,
    String(port),
    new Names().page(REF).channel,
    `${count}`,
  );
}

/** Clients that see only the cells of the fleet. */
function firstCells(system: System): System {
  return {
    ...system,
    connect: (url, _, changed) => {
      return system.connect(url, 65_536, (cell, value) => {
        if (cell < FIRST_CELL) changed(cell, value);
      });
    },
    stored: (valkey, url) => system.stored(valkey, url, 65_536),
  };
}

function rowOf(costs: readonly Cost[]) {
  const of = (key: keyof Cost) => spreadOf(costs.map((cost) => cost[key]));
  return { cores: of("cores"), us: of("us"), perSecond: of("perSecond"), p50: of("p50"), p99: of("p99") };
}
