/*
 * Question: how many writes a second does a deployment bear with p99 under 150 ms, beside systems that send a frame for each?
 *
 * The search of `socketscaler bench --find-max`, over the harness of the other scenarios: a trial fails when p99 passes the
 * bound or changes stay behind. All systems are up at once, but one alone is under load at a time; they are searched in
 * turns, round by round, so that the machine's moods meet all.
 */

import { findMax, judgeTrial, SHORT, type Trial } from "../../src/bench/find-max.js";
import { Remarks } from "../load/correctness.js";
import type { Run } from "../load/fleet.js";
import { HostedFleet } from "../load/hosted-fleet.js";
import { ours } from "../load/ours.js";
import { type Outcome, type Scenario, type Settings, spreadOf } from "../load/outcome.js";
import { redisAdapter, wsPubSub } from "../load/per-change.js";
import type { System } from "../load/system.js";
import { installPeers } from "../process.js";

/** As many as there are cells on a page: none is written twice within a trial's p99. */
const CELLS = 60_000;
const SERVERS = 4;
const CLIENTS = 200;
const P99_MS = 150;
const TIMES = 20;
/** Servers run for weeks: each is warmed for so long, at its first rate. */
const WARM_SECONDS = 16;
/** Of the changes asked for, in a trial that passes. */
export const MISSING_PERCENT_MAX = Math.round((1 - SHORT) * 100);

const COLUMNS = [
  { key: "system", label: "system" },
  { key: "knee", label: "writes/s" },
  { key: "p99", label: "p99 there, ms" },
  { key: "clientsCores", label: "CPU of the clients' process there, cores" },
  { key: "trials", label: "trials" },
  { key: "lostWrites", label: "lost writes" },
  { key: "divergedClients", label: "diverged clients" },
];

/** A system and what its searches found, one of each for each round. */
interface Contender {
  readonly fleet: HostedFleet;
  /** Where its first search begins: a rate that it bears. */
  readonly firstRate: number;
  readonly knees: number[];
  readonly p99s: number[];
  readonly clientsCores: number[];
  trials: number;
}

export const knee: Scenario = {
  name: "knee",
  run: async (settings) => {
    installPeers();
    const rounds = settings.isQuick ? 1 : 3;
    const warmSeconds = settings.isQuick ? 1 : WARM_SECONDS;
    const mine = ours(CELLS);
    const contenders: Contender[] = [];
    try {
      for (const [system, rate] of [
        [mine, 4_000],
        [redisAdapter, 400],
        [wsPubSub, 400],
      ] as const) {
        const contender = await enter(system, rate);
        contenders.push(contender);
        await contender.fleet.run(rate, warmSeconds);
      }
      for (let round = 0; round < rounds; round++) {
        for (const contender of contenders) await search(contender, settings);
      }
      return await outcomeOf(contenders, mine, rounds, warmSeconds);
    } finally {
      await Promise.all(contenders.map(({ fleet }) => fleet.stop()));
    }
  },
};

async function enter(system: System, firstRate: number): Promise<Contender> {
  const fleet = await HostedFleet.start(system, { servers: SERVERS, clients: CLIENTS, cells: CELLS });
  return { fleet, firstRate, knees: [], p99s: [], clientsCores: [], trials: 0 };
}

async function search(contender: Contender, settings: Settings): Promise<void> {
  const { fleet, firstRate, knees, p99s, clientsCores } = contender;
  const lastKnee = knees.at(-1) ?? 0;
  // It passes half of what it last bore, most likely, and the search is shorter for it.
  const start = lastKnee > 0 ? Math.ceil(lastKnee / 2) : firstRate;
  const runs = new Map<Trial, Run>();
  const { knee, trials } = await findMax(start, async (rate) => {
    const { trial, run } = await attempt(fleet, rate, settings);
    runs.set(trial, run);
    return trial;
  });
  contender.trials += trials.length;
  knees.push(knee ?? 0);
  const best = trials.find(({ rate, failure }) => rate === knee && failure === undefined);
  const run = best && runs.get(best);
  if (!run) return;
  p99s.push(run.p99);
  clientsCores.push(run.clientsCpuSeconds / run.seconds);
}

async function attempt(fleet: HostedFleet, rate: number, { isQuick, tell }: Settings) {
  const seconds = isQuick ? 1 : 3;
  const run = await fleet.run(rate, seconds);
  const arrived = (run.writes * run.delivered) / run.expected / seconds;
  const p99 = Number.isFinite(run.p99) ? run.p99 : null;
  const trial = judgeTrial({ rate, acknowledged: arrived, p99, codes: run.refusals }, P99_MS);
  tell(`${fleet.system.name}: ${rate}/s p99 ${run.p99.toFixed(0)} ms ${trial.failure ?? "passed"}`);
  return { trial, run };
}

async function outcomeOf(
  contenders: readonly Contender[],
  mine: System,
  rounds: number,
  warmSeconds: number,
): Promise<Outcome> {
  const rows = [];
  const remarks = new Remarks();
  for (const { fleet, knees, p99s, clientsCores, trials } of contenders) {
    const system = fleet.system.name;
    const judged = await fleet.judge();
    rows.push({
      system,
      knee: spreadOf(knees),
      p99: spreadOf(p99s),
      clientsCores: spreadOf(clientsCores),
      trials,
      ...judged,
    });
    // A trial beyond what it bears may be refused, and has failed by that.
    if (system === mine.name) remarks.add(system, { ...judged, refusedWrites: 0 });
  }
  const own = rows.find(({ system }) => system === mine.name);
  const best = Math.max(...rows.filter((row) => row !== own).map((row) => row.knee.median));
  return {
    name: "knee",
    question: `Highest write rate with p99 under ${P99_MS} ms, ${SERVERS} instances, ${CLIENTS} clients`,
    method:
      `${rounds} searches of each system in turns, all systems up and one under load; each is warmed for ${warmSeconds} s at a rate that it bears. ` +
      "The rate is doubled until a trial fails, then narrowed to a tenth. A trial fails when p99 of click → client passes the bound, when a write is refused, or when more than " +
      `${MISSING_PERCENT_MAX} % of the changes asked for are missing; a rate has failed when two trials at it have. The clients share the machine with the servers, so this is a ratio, not a capacity; ` +
      "and where their process takes about a core, it is what is full, not the system. Median (lowest–highest).",
    columns: COLUMNS,
    rows,
    targets: [
      {
        text: "highest rate, of the best peer that sends a frame per change; medians",
        measured: own && best > 0 ? own.knee.median / best : null,
        bound: TIMES,
        sense: "at least",
        unit: "×",
      },
    ],
    ...remarks,
    chart: "knee",
  };
}
