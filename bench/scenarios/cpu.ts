/*
 * Question: what does it cost the servers to deliver one change to one client, compared with
 * systems that send a frame for each, and with those that gather changes as ours does?
 *
 * Four servers and one Valkey for each system, 200 clients, writes at a fixed rate. All systems are
 * running and take turns round by round, so that the machine's noise affects all of them. A round
 * ends when every change has reached every client, so work that a system postpones is counted.
 */

import { type Correctness, Remarks } from "../load/correctness.js";
import { type Run, WARM_SECONDS } from "../load/fleet.js";
import { colyseus } from "../load/frameworks.js";
import { HostedFleet } from "../load/hosted-fleet.js";
import { OURS } from "../load/ours.js";
import {
  atMost,
  type Finding,
  type Scenario,
  type Settings,
  type Spread,
  show,
  spreadOf,
  type Target,
} from "../load/outcome.js";
import { installPeers } from "../load/peers.js";
import { wsCoalesced } from "../load/per-change.js";
import { comparedSystems } from "../load/systems.js";

const CELLS = 10_000;
const SERVERS = 4;
const CLIENTS = 200;
const WARM_RATE = 600;
/** A slow system warms up at this share of the rate that its clients can take. */
const WARM_SHARE = 0.2;

interface Load {
  readonly rate: number;
  readonly seconds: number;
  readonly targets: (measured: Measured) => readonly Target[];
}

/** Ratios of our CPU per change, and the delays of ours. */
interface Measured {
  readonly ofPerChange: number;
  readonly ofCoalesced: number;
  readonly ofColyseus: number;
  readonly p50: number | null;
  readonly p99: number | null;
}

const COALESCED = "CPU per change, relative to coalesced ws";
const COLYSEUS = "CPU per change, relative to Colyseus";
const perChange = (rate: number) =>
  `CPU per change at ${rate} writes/s, relative to the best peer with a frame per change`;
const p50 = (rate: number) => `p50 of a click at ${rate} writes/s`;
const p99 = (rate: number) => `p99 of a click at ${rate} writes/s`;

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

/** The bounds of delays are what was measured before the lane: nobody is to wait longer for it. */
export const cpu200 = cpuScenario("cpu-200", {
  rate: 200,
  seconds: 4,
  targets: (measured) => [
    atMost({ required: 0.75, stretch: 0.55 }, "×", COALESCED, measured.ofCoalesced),
    atMost({ required: 0.65, stretch: 0.5 }, "×", COLYSEUS, measured.ofColyseus),
    atMost(1 / 8, "×", perChange(200), measured.ofPerChange),
    atMost(31, "ms", p50(200), measured.p50),
    atMost(61.2, "ms", p99(200), measured.p99),
  ],
});
export const cpu2000 = cpuScenario("cpu-2000", {
  rate: 2_000,
  seconds: 2,
  targets: (measured) => [
    atMost({ required: 0.75, stretch: 0.55 }, "×", COALESCED, measured.ofCoalesced),
    atMost({ required: 0.75, stretch: 0.55 }, "×", COLYSEUS, measured.ofColyseus),
    atMost(1 / 40, "×", perChange(2_000), measured.ofPerChange),
    atMost(34.2, "ms", p50(2_000), measured.p50),
    atMost(68.2, "ms", p99(2_000), measured.p99),
  ],
});
export const cpu10000 = cpuScenario("cpu-10000", {
  rate: 10_000,
  seconds: 2,
  targets: (measured) => [atMost({ required: 0.75, stretch: 0.5 }, "×", COALESCED, measured.ofCoalesced)],
});

function cpuScenario(name: string, load: Load): Scenario {
  return {
    name,
    question: `How much CPU does it take to deliver a change to a client, with ${SERVERS} instances, ${CLIENTS} clients and ${load.rate} writes/s?`,
    run: (settings) => measure(settings, name, { ...load, seconds: settings.isQuick ? 1 : load.seconds }),
  };
}

async function measure({ isQuick, tell }: Settings, name: string, { rate, seconds, targets }: Load): Promise<Finding> {
  installPeers();
  const rounds = isQuick ? 1 : 3;
  const warmSeconds = isQuick ? 1 : WARM_SECONDS;
  const entries: { readonly fleet: HostedFleet; readonly runs: Run[] }[] = [];
  const remarks = new Remarks();
  try {
    for (const system of comparedSystems(CELLS)) {
      if (rate > (system.rateMax ?? rate)) {
        remarks.notes.push(
          `${system.name} is left out: it, or its clients, would need more CPU than this machine has.`,
        );
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
      await fleet.run(
        Math.min(WARM_RATE, (fleet.system.rateMax ?? Number.POSITIVE_INFINITY) * WARM_SHARE),
        warmSeconds,
      );
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
    const own = rows.find(({ system }) => system === OURS);
    return {
      method:
        `Each system: ${SERVERS} server processes over a Valkey of its own, and ${CLIENTS} clients in one other process. Load: ${rate} writes/s for ${seconds} s over ` +
        `${CELLS} cells, in ${rounds} alternating rounds, after a warm-up of ${warmSeconds} s at up to ${WARM_RATE} writes/s. CPU is the servers' user and system time in /proc until the last change has arrived. ` +
        "Median (lowest–highest). Delivered: changes that reached clients, as a share of those that should have.",
      columns: COLUMNS,
      rows,
      targets: targets({
        ofPerChange: mine / best,
        ofCoalesced: mine / floor,
        ofColyseus: mine / costOfSystem(colyseus.name),
        p50: own?.p50.median ?? null,
        p99: own?.p99.median ?? null,
      }),
      notes: [
        ...remarks.notes,
        `The floor is a plain design without guarantees, not a lower bound.${Number.isFinite(best) ? ` It costs ${(floor / best).toFixed(2)} × as much as the best peer that sends a frame per change.` : ""}`,
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
      `${system} is cheaper than ${OURS}: ${show(cpu.median / mine.cpu.median)} × its CPU per change.`,
  );
}
