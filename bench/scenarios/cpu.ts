/*
 * Question: what does it cost the servers to bring one change to one client, beside systems that send a frame for each?
 *
 * Four servers and one Valkey for each system, 200 clients, writes at a fixed rate; all systems run at once, and take turns
 * round by round, so that the machine's moods meet all. A round is over when every change has reached every client:
 * what a system put off is in its bill.
 */

import { type Correctness, Remarks } from "../load/correctness.js";
import type { Run } from "../load/fleet.js";
import { HostedFleet } from "../load/hosted-fleet.js";
import {
  type Outcome,
  type Scenario,
  type Settings,
  type Spread,
  show,
  spreadOf,
  type Target,
} from "../load/outcome.js";
import { wsCoalesced } from "../load/per-change.js";
import { comparedSystems } from "../load/systems.js";
import { installPeers } from "../process.js";

const CELLS = 10_000;
const SERVERS = 4;
const CLIENTS = 200;
const OURS = "SocketScaler";
/** Servers run for weeks: all is compiled that is worth it before anything is measured. At low rates that takes V8 minutes. */
const WARM_SECONDS = 16;
/** Writes a second while warming up: what every peer bears, but for one that bears less. */
const WARM_RATE = 600;
const WARM_RATE_SLOW = 100;

const COLUMNS = [
  { key: "system", label: "system" },
  { key: "cpu", label: "servers' CPU per change delivered, µs" },
  { key: "valkey", label: "Valkey's CPU per write, µs" },
  { key: "p50", label: "click → client p50, ms" },
  { key: "p99", label: "p99, ms" },
  { key: "bytes", label: "bytes per change" },
  { key: "delivered", label: "delivered" },
  { key: "lost", label: "lost writes" },
  { key: "diverged", label: "diverged clients" },
];

export const cpu200 = cpuScenario("cpu-200", 200, 4, 8);
export const cpu2000 = cpuScenario("cpu-2000", 2_000, 2, 40);

/** `times`: how many times cheaper than the best peer that sends a frame per change it is to be. */
function cpuScenario(name: string, rate: number, seconds: number, times: number): Scenario {
  return { name, run: (settings) => measure(settings, name, rate, settings.isQuick ? 1 : seconds, times) };
}

async function measure(
  settings: Settings,
  name: string,
  rate: number,
  seconds: number,
  times: number,
): Promise<Outcome> {
  installPeers();
  const rounds = settings.isQuick ? 1 : 3;
  const fleets: HostedFleet[] = [];
  const runs = new Map<string, Run[]>();
  const notes: string[] = [];
  try {
    for (const system of comparedSystems(CELLS)) {
      if (rate > (system.rateMax ?? rate)) {
        notes.push(`${system.name} is left out: its clients alone would take more than this machine has.`);
        continue;
      }
      try {
        fleets.push(await HostedFleet.start(system, { servers: SERVERS, clients: CLIENTS, cells: CELLS }));
      } catch (error) {
        notes.push(`${system.name} could not be run: ${error instanceof Error ? error.message : error}`);
      }
    }
    for (const fleet of fleets) {
      const warmRate = fleet.system.rateMax === undefined ? WARM_RATE : WARM_RATE_SLOW;
      await fleet.run(warmRate, settings.isQuick ? 1 : WARM_SECONDS);
    }
    for (let round = 1; round <= rounds; round++) {
      for (const fleet of fleets) {
        const run = await fleet.run(rate, seconds);
        runs.set(fleet.system.name, [...(runs.get(fleet.system.name) ?? []), run]);
        settings.tell(
          `${name} ${round}/${rounds} ${fleet.system.name}: ${costOf(run).toFixed(2)} µs, p99 ${run.p99.toFixed(0)} ms`,
        );
      }
    }
    const rows = [];
    const remarks = new Remarks();
    for (const fleet of fleets) {
      const judged = await fleet.judge();
      rows.push(rowOf(fleet.system.name, runs.get(fleet.system.name) ?? [], judged));
      if (fleet.system.name === OURS) remarks.add(OURS, judged);
    }
    return {
      name,
      question: `CPU per change delivered to a client at ${SERVERS} instances, ${CLIENTS} clients, ${rate} writes/s`,
      method:
        `Each system: ${SERVERS} server processes over a Valkey of its own, ${CLIENTS} clients in one other process, ${rate} writes/s for ${seconds} s over ` +
        `${CELLS} cells, ${rounds} rounds in turns, after ${settings.isQuick ? 1 : WARM_SECONDS} s at up to ${WARM_RATE} writes/s. CPU is user and system time of the servers as /proc has it, until the last change has arrived. ` +
        "Median (lowest–highest). Delivered: of the changes that should have reached clients.",
      columns: COLUMNS,
      rows,
      targets: targetsOf(fleets, runs, rate, times),
      notes: [
        ...notes,
        ...remarks.notes,
        floorNote(fleets, runs),
        ...cheaperNotes(rows),
        ...fleets.map(({ system }) => `${system.name}: ${system.about}.`),
      ],
      faults: remarks.faults,
      chart: "cpu",
    };
  } finally {
    await Promise.all(fleets.map((fleet) => fleet.stop()));
  }
}

/** A round in which less than this arrived says nothing of what a change costs. */
const DELIVERED_MIN = 0.5;

/** Microseconds. */
function costOf({ serversCpuSeconds, delivered, expected }: Run): number {
  return delivered < expected * DELIVERED_MIN ? Number.NaN : (serversCpuSeconds * 1e6) / delivered;
}

function rowOf(system: string, runs: readonly Run[], { lostWrites, divergedClients, brokenConnections }: Correctness) {
  const delivered =
    runs.reduce((sum, run) => sum + run.delivered, 0) / runs.reduce((sum, run) => sum + run.expected, 0);
  return {
    system,
    cpu: spreadOf(runs.map(costOf)),
    valkey: spreadOf(runs.map((run) => (run.valkeyCpuSeconds * 1e6) / run.writes)),
    p50: spreadOf(runs.map(({ p50 }) => p50)),
    p99: spreadOf(runs.map(({ p99 }) => p99)),
    bytes: spreadOf(runs.map((run) => run.bytes / Math.max(1, run.delivered))),
    delivered: `${(delivered * 100).toFixed(delivered < 1 ? 2 : 0)} %`,
    lost: lostWrites,
    diverged: brokenConnections > 0 ? `${divergedClients} (${brokenConnections} cut off)` : divergedClients,
  };
}

/** How far the floor is from what is asked for. */
function floorNote(fleets: readonly HostedFleet[], runs: ReadonlyMap<string, readonly Run[]>): string {
  const floor = middleOf(runs, wsCoalesced.name, costOf);
  const best = bestPerChange(fleets, runs);
  const mine = middleOf(runs, OURS, costOf);
  return (
    "The floor is a plain design without guarantees; it is no bound below which nothing could be. " +
    `It costs ${(floor / best).toFixed(2)} × of the best peer that sends a frame per change, and SocketScaler ${(mine / floor).toFixed(2)} × of it.`
  );
}

/** Names every system other than the floor that is cheaper than ours: a peer that wins is not to be passed over. */
export function cheaperNotes(rows: readonly { readonly system: string; readonly cpu: Spread }[]): string[] {
  const mine = rows.find(({ system }) => system === OURS);
  if (!mine) return [];
  const cheaper = rows.filter(({ system, cpu }) => system !== wsCoalesced.name && cpu.median < mine.cpu.median);
  return cheaper.map(
    ({ system, cpu }) =>
      `${system} is cheaper than ${OURS}: ${show(cpu.median / mine.cpu.median)} × of its CPU per change.`,
  );
}

function middleOf(runs: ReadonlyMap<string, readonly Run[]>, name: string, read: (run: Run) => number): number {
  return spreadOf((runs.get(name) ?? []).map(read)).median;
}

function bestPerChange(fleets: readonly HostedFleet[], runs: ReadonlyMap<string, readonly Run[]>): number {
  const peers = fleets.filter(({ system }) => system.isPerChange);
  return Math.min(...peers.map(({ system }) => middleOf(runs, system.name, costOf)).filter(Number.isFinite));
}

function targetsOf(
  fleets: readonly HostedFleet[],
  runs: ReadonlyMap<string, readonly Run[]>,
  rate: number,
  times: number,
): Target[] {
  return [
    {
      text: `CPU per change delivered at ${rate} writes/s, of the best peer that sends a frame per change`,
      measured: middleOf(runs, OURS, costOf) / bestPerChange(fleets, runs),
      bound: 1 / times,
      sense: "at most",
      unit: "×",
    },
    {
      text: `p99 of a click at ${rate} writes/s`,
      measured: middleOf(runs, OURS, ({ p99 }) => p99),
      bound: 120,
      sense: "at most",
      unit: "ms",
    },
  ];
}
