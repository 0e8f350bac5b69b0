/*
 * Question: how many writes per second can a deployment take with p99 under 150 ms, compared with
 * systems that send a frame for each, and with those that gather changes?
 *
 * The search of `socketscaler bench --find-max` on the harness of the other scenarios. A trial
 * fails if p99 passes the bound or changes are missing. All systems are running, but only one is
 * under load at a time. They take turns, round by round, so that the machine's noise affects all of
 * them.
 */

import { findMax, SHORT, type Trial } from "../../src/bench/find-max.js";
import { Remarks } from "../load/correctness.js";
import { type Run, WARM_SECONDS } from "../load/fleet.js";
import { colyseus } from "../load/frameworks.js";
import { HostedFleet } from "../load/hosted-fleet.js";
import { ours } from "../load/ours.js";
import { atLeast, type Finding, type Scenario, type Settings, spreadOf } from "../load/outcome.js";
import { installPeers } from "../load/peers.js";
import { redisAdapter, wsCoalesced, wsPubSub } from "../load/per-change.js";
import type { System } from "../load/system.js";
import { judgeRun, P99_MS } from "../load/trial.js";

/** Enough that no cell is written twice within a trial's p99. */
const CELLS = 60_000;
const SERVERS = 4;
const CLIENTS = 200;
const TIMES = 20;
/** Share of the requested changes that may be missing in a trial that passes. */
export const MISSING_PERCENT_MAX = Math.round((1 - SHORT) * 100);

const COLUMNS = {
  system: "system",
  knee: "writes/s",
  p99: "p99 there, ms",
  clientsCores: "CPU of the clients' process there, cores",
  trials: "trials",
  lostWrites: "lost writes",
  divergedClients: "diverged clients",
};

/** A system and the findings of its searches, one for each round. */
interface Contender {
  readonly fleet: HostedFleet;
  /** Where its first search begins: a rate that it can take. */
  readonly firstRate: number;
  readonly knees: number[];
  readonly p99s: number[];
  readonly clientsCores: number[];
  trials: number;
}

export const knee: Scenario = {
  name: "knee",
  question: `How many writes/s can ${SERVERS} instances with ${CLIENTS} clients take while p99 stays under ${P99_MS} ms?`,
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
        [wsCoalesced, 4_000],
        [colyseus, 1_000],
      ] as const) {
        const fleet = await HostedFleet.start(system, { servers: SERVERS, clients: CLIENTS, cells: CELLS });
        contenders.push({ fleet, firstRate: rate, knees: [], p99s: [], clientsCores: [], trials: 0 });
        await fleet.run(rate, warmSeconds);
      }
      for (let round = 0; round < rounds; round++) {
        for (const contender of contenders) await search(contender, settings);
      }
      return await findingOf(contenders, mine, rounds, warmSeconds);
    } finally {
      await Promise.all(contenders.map(({ fleet }) => fleet.stop()));
    }
  },
};

async function search(contender: Contender, settings: Settings): Promise<void> {
  const { fleet, firstRate, knees, p99s, clientsCores } = contender;
  const lastKnee = knees.at(-1) ?? 0;
  // Half of the last knee will most likely pass, which shortens the search.
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
  const trial = judgeRun(run, rate, seconds);
  tell(`${fleet.system.name}: ${rate}/s p99 ${run.p99.toFixed(0)} ms ${trial.failure ?? "passed"}`);
  return { trial, run };
}

function nameOf({ fleet }: Contender): string {
  return fleet.system.name;
}

async function findingOf(
  contenders: readonly Contender[],
  mine: System,
  rounds: number,
  warmSeconds: number,
): Promise<Finding> {
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
    // A trial above the knee may be refused; that is how it fails.
    if (system === mine.name) remarks.add(system, { ...judged, refusedWrites: 0 });
  }
  const own = rows.find(({ system }) => system === mine.name);
  const perChange = new Set(contenders.filter(({ fleet }) => fleet.system.isPerChange).map(nameOf));
  const best = Math.max(...rows.filter(({ system }) => perChange.has(system)).map((row) => row.knee.median));
  return {
    method:
      `Each system's limit is searched for ${rounds} times, in turn with the others. All systems run, but only one at a time is under load. Each is warmed up for ${warmSeconds} s at a rate that it can take. ` +
      "The rate doubles until a trial fails; then the search narrows to within a tenth. A trial fails if p99 of click → client passes the bound, a write is refused, or more than " +
      `${MISSING_PERCENT_MAX} % of the changes are missing. A rate fails if two trials at it fail. The clients share the machine with the servers, so trust the ratio, not the rates. ` +
      "If the clients' process uses about a whole core, it is the limit, not the system. Median (lowest–highest).",
    columns: COLUMNS,
    rows,
    targets: [
      atLeast(
        TIMES,
        "×",
        "highest rate, relative to the best peer that sends a frame per change; medians",
        own && best > 0 ? own.knee.median / best : null,
      ),
    ],
    ...remarks,
    chart: "knee",
  };
}
