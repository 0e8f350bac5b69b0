/*
 * Question: what does it cost the servers to deliver one change to one client, compared with
 * systems that send a frame for each?
 *
 * Four servers and one Valkey for each system, 200 clients, writes at a fixed rate. All systems are
 * running and take turns round by round, so that the machine's noise affects all of them. A round
 * ends when every change has reached every client, so work that a system postpones is counted.
 */

import { type Correctness, Remarks } from "../load/correctness.js";
import type { Run } from "../load/fleet.js";
import { HostedFleet } from "../load/hosted-fleet.js";
import { atMost, type Finding, type Scenario, type Settings, type Spread, show, spreadOf } from "../load/outcome.js";
import { installPeers } from "../load/peers.js";
import { wsCoalesced } from "../load/per-change.js";
import { comparedSystems } from "../load/systems.js";

const CELLS = 10_000;
const SERVERS = 4;
const CLIENTS = 200;
const P99_MS = 120;
const OURS = "SocketScaler";
/** Servers run for weeks: V8 must have compiled the hot code before anything is measured. */
const WARM_SECONDS = 16;
const WARM_RATE = 600;
const WARM_RATE_SLOW = 100;

const COLUMNS = {
  system: "system",
  cpu: "servers' CPU per change delivered, µs",
  valkey: "Valkey's CPU per write, µs",
  p50: "click → client p50, ms",
  p99: "p99, ms",
  bytes: "bytes per change",
  delivered: "delivered",
  lost: "lost writes",
  diverged: "diverged clients",
};

export const cpu200 = cpuScenario("cpu-200", 200, 4, 8);
export const cpu2000 = cpuScenario("cpu-2000", 2_000, 2, 40);

/** The target is to be `times` times cheaper than the best peer that sends a frame per change. */
function cpuScenario(name: string, rate: number, seconds: number, times: number): Scenario {
  return {
    name,
    question: `What CPU does a change delivered to a client cost at ${SERVERS} instances, ${CLIENTS} clients, ${rate} writes/s?`,
    run: (settings) => measure(settings, name, rate, settings.isQuick ? 1 : seconds, times),
  };
}

async function measure(
  { isQuick, tell }: Settings,
  name: string,
  rate: number,
  seconds: number,
  times: number,
): Promise<Finding> {
  installPeers();
  const rounds = isQuick ? 1 : 3;
  const warmSeconds = isQuick ? 1 : WARM_SECONDS;
  const entries: { readonly fleet: HostedFleet; readonly runs: Run[] }[] = [];
  const remarks = new Remarks();
  try {
    for (const system of comparedSystems(CELLS)) {
      if (rate > (system.rateMax ?? rate)) {
        remarks.notes.push(`${system.name} is left out: its clients alone would need more CPU than this machine has.`);
        continue;
      }
      try {
        const fleet = await HostedFleet.start(system, { servers: SERVERS, clients: CLIENTS, cells: CELLS });
        entries.push({ fleet, runs: [] });
      } catch (error) {
        remarks.notes.push(`${system.name} could not be run: ${error instanceof Error ? error.message : error}`);
      }
    }
    for (const { fleet } of entries) {
      await fleet.run(fleet.system.rateMax === undefined ? WARM_RATE : WARM_RATE_SLOW, warmSeconds);
    }
    for (let round = 1; round <= rounds; round++) {
      for (const { fleet, runs } of entries) {
        const run = await fleet.run(rate, seconds);
        runs.push(run);
        const cost = `${costOf(run).toFixed(2)} µs, p99 ${run.p99.toFixed(0)} ms`;
        tell(`${name} ${round}/${rounds} ${fleet.system.name}: ${cost}`);
      }
    }
    const rows: ReturnType<typeof rowOf>[] = [];
    for (const { fleet, runs } of entries) {
      const judged = await fleet.judge();
      rows.push(rowOf(fleet.system.name, runs, judged));
      if (fleet.system.name === OURS) remarks.add(OURS, judged);
    }
    const systems = entries.map(({ fleet }) => fleet.system);
    const costOfSystem = (name: string) => rows.find(({ system }) => system === name)?.cpu.median ?? Number.NaN;
    const perChange = systems.filter(({ isPerChange }) => isPerChange).map(({ name }) => costOfSystem(name));
    const best = Math.min(...perChange.filter(Number.isFinite));
    const [mine, floor] = [costOfSystem(OURS), costOfSystem(wsCoalesced.name)];
    const p99 = rows.find(({ system }) => system === OURS)?.p99.median ?? null;
    return {
      method:
        `Each system: ${SERVERS} server processes over a Valkey of its own, ${CLIENTS} clients in one other process, ${rate} writes/s for ${seconds} s over ` +
        `${CELLS} cells, ${rounds} rounds in turns, after ${warmSeconds} s at up to ${WARM_RATE} writes/s. CPU is the servers' user and system time in /proc until the last change has arrived. ` +
        "Median (lowest–highest). Delivered: share of the changes that should have reached clients.",
      columns: COLUMNS,
      rows,
      targets: [
        atMost(
          1 / times,
          "×",
          `CPU per change at ${rate} writes/s, relative to the best peer with a frame per change`,
          mine / best,
        ),
        atMost(P99_MS, "ms", `p99 of a click at ${rate} writes/s`, p99),
      ],
      notes: [
        ...remarks.notes,
        "The floor is a plain design without guarantees, not a lower bound. " +
          `It costs ${(floor / best).toFixed(2)} × of the best peer that sends a frame per change; SocketScaler costs ${(mine / floor).toFixed(2)} × of the floor.`,
        ...cheaperNotes(rows),
        ...systems.map(({ name, about }) => `${name}: ${about}.`),
      ],
      faults: remarks.faults,
      chart: "cpu",
    };
  } finally {
    await Promise.all(entries.map(({ fleet }) => fleet.stop()));
  }
}

/** If a smaller share arrives, a round says nothing about the cost of a change. */
const DELIVERED_MIN = 0.5;

/** Microseconds per change delivered. */
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

/** Names every system other than the floor that is cheaper than ours. */
export function cheaperNotes(rows: readonly { readonly system: string; readonly cpu: Spread }[]): string[] {
  const mine = rows.find(({ system }) => system === OURS);
  if (!mine) return [];
  const cheaper = rows.filter(({ system, cpu }) => system !== wsCoalesced.name && cpu.median < mine.cpu.median);
  return cheaper.map(
    ({ system, cpu }) =>
      `${system} is cheaper than ${OURS}: ${show(cpu.median / mine.cpu.median)} × of its CPU per change.`,
  );
}
