/*
 * Question: how many clients and writes can one core serve, and how much memory do clients and
 * cells take?
 *
 * In the units that operators plan with. `npm run bench:report` copies the table to
 * docs/deploy.md.
 */

import { formatCount } from "../../src/protocol/count.js";
import { Resp } from "../../test/support/resp.js";
import { Remarks } from "../load/correctness.js";
import { Fleet, type Run, WARM_SECONDS } from "../load/fleet.js";
import { ours } from "../load/ours.js";
import { atLeast, type Scenario, type Settings } from "../load/outcome.js";
import { startValkey } from "../load/processes.js";
import { judgeRun, P99_MS } from "../load/trial.js";
import { MILLION_PAGES, measureValkeyMemory, type ValkeyMemory } from "../load/valkey-memory.js";
import { CLICK, CLICKS, FULL, measureCommits } from "./commits.js";
import { measureMemory } from "./memory.js";

const CELLS = 10_000;
/** Writes per second that all clients see. */
const RATE = 50;
const WRITERS = 100;
const CALM_RATE = 2_000;
/** Rates at which a core is filled. More writes of a client would be refused. */
const WRITE_RATES = [CALM_RATE, 8_000, 16_000, 24_000];
/** A core counts as full at this share; the rest is for peaks. */
const SHARE = 0.7;
const KIB = 1_024;

export const sizing: Scenario = {
  name: "sizing",
  question: "What can one core serve, and how much memory do clients and cells take?",
  run: async (settings) => {
    const bytesPerClient = await measureMemory(ours(CELLS), settings.isQuick ? 300 : 1_000);
    settings.tell(`${Math.round(bytesPerClient / KIB)} KiB per client`);
    const remarks = new Remarks();
    const crowd = await measureCrowds(settings, remarks);
    const writes = await measureWrites(settings, remarks);
    const valkey = await measureValkeyCore(settings);
    const memory = await measureValkeyMemory();
    return {
      method:
        `One instance; WebSocket clients in one other process. CPU is the CPU time that the operating system counts for the process; a core counts as full at ${SHARE * 100} %. Clients per core follow from the difference ` +
        `in cost between crowds of ${crowd.sizes.join(" and ")} clients, divided by the difference in clients. Each client sees ${RATE} writes/s. Writes per core: ${WRITERS} clients write at ${WRITE_RATES.map(formatCount).join(", ")}/s in turn, after a warm-up of ${WARM_SECONDS} s. Of the rates that arrive with p99 at most ${P99_MS} ms, the highest that takes at most ${SHARE * 100} % of a core counts. Valkey's changes are those of commit.lua alone.`,
      columns: { what: "what", measured: "measured", unit: "" },
      rows: rowsOf(bytesPerClient, crowd, writes, valkey, memory),
      targets: [atLeast({ required: 18_000, stretch: 30_000 }, "", "writes per second and core", writes.most)],
      ...remarks,
    };
  },
};

interface Crowds {
  readonly sizes: readonly number[];
  /** Share of a core that a client costs. */
  readonly share: number;
  readonly framesPerSecond: number;
}

/** Two sizes, so that the cost of an instance without clients cancels out. */
async function measureCrowds({ isQuick, tell }: Settings, remarks: Remarks): Promise<Crowds> {
  const sizes = isQuick ? [100, 400] : [400, 1_600];
  const runs: Run[] = [];
  for (const clients of sizes) {
    const run = await measureRun(clients, RATE, isQuick ? 2 : 5, remarks);
    runs.push(run);
    tell(
      `${clients} clients: ${Math.round(shareOf(run) * 100)} % of a core at ${RATE} writes/s, p99 ${run.p99.toFixed(0)} ms`,
    );
  }
  const [few, many] = runs;
  const [fewClients = 0, manyClients = 0] = sizes;
  if (!few || !many) throw new Error("no crowds");
  return {
    sizes,
    share: (shareOf(many) - shareOf(few)) / (manyClients - fewClients),
    framesPerSecond: many.frames / manyClients / many.seconds,
  };
}

function shareOf({ serversCpuSeconds, seconds }: Run): number {
  return serversCpuSeconds / seconds;
}

interface Writes {
  /** Writes per second that fill at most SHARE of a core. */
  readonly most: number;
  /** Share of a core at CALM_RATE. */
  readonly calmShare: number;
}

/** Raises the rate until the core is full, or clicks are late or lost. */
function measureWrites({ isQuick, tell }: Settings, remarks: Remarks): Promise<Writes> {
  const seconds = isQuick ? 1 : 4;
  return withInstance(WRITERS, remarks, async (fleet) => {
    await fleet.run(CALM_RATE, isQuick ? 1 : WARM_SECONDS);
    let most = Number.NaN;
    let calmShare = Number.NaN;
    for (const rate of WRITE_RATES) {
      const run = await fleet.run(rate, seconds);
      const share = shareOf(run);
      const { failure = "passed" } = judgeRun(run, rate, seconds);
      tell(`${formatCount(rate)} writes/s: ${Math.round(share * 100)} % of a core, ${failure}`);
      if (share > SHARE || failure !== "passed") break;
      if (rate === CALM_RATE) calmShare = share;
      most = run.writes / run.seconds;
    }
    return { most, calmShare };
  });
}

/** One instance under load, after half as long to warm up. */
function measureRun(clients: number, rate: number, seconds: number, remarks: Remarks): Promise<Run> {
  return withInstance(clients, remarks, async (fleet) => {
    await fleet.run(rate, seconds / 2);
    return fleet.run(rate, seconds);
  });
}

/** Judges what the clients have at the end. */
async function withInstance<Found>(
  clients: number,
  remarks: Remarks,
  measure: (fleet: Fleet) => Promise<Found>,
): Promise<Found> {
  const fleet = await Fleet.start(ours(CELLS), { servers: 1, clients, cells: CELLS });
  try {
    const found = await measure(fleet);
    remarks.add(fleet.system.name, await fleet.judge());
    return found;
  } finally {
    await fleet.stop();
  }
}

/** Changes per second of Valkey's CPU, by the kind of batch. */
async function measureValkeyCore({
  isQuick,
  tell,
}: Settings): Promise<Readonly<Record<"single" | "grouped" | "full", number>>> {
  const seconds = isQuick ? 0.5 : 2;
  const valkey = await startValkey();
  const connection = await Resp.connect(valkey.port);
  try {
    const measure = (shape: typeof CLICK) => measureCommits(connection, valkey.pid, shape, seconds);
    const found = { single: await measure(CLICK), grouped: await measure(CLICKS), full: await measure(FULL) };
    tell(`Valkey: ${Object.values(found).map(Math.round).join(", ")} changes per CPU second`);
    return found;
  } finally {
    connection.close();
    await valkey.stop();
  }
}

function rowsOf(
  bytesPerClient: number,
  crowd: Crowds,
  writes: Writes,
  valkey: { readonly single: number; readonly grouped: number; readonly full: number },
  memory: ValkeyMemory,
) {
  const row = (what: string, measured: number, unit: string) => ({ what, measured: rounded(measured), unit });
  const million = (bytes: number) => (bytes / MILLION_PAGES / 65_536) * 1e6;
  return [
    row("instance: memory per client that watches", bytesPerClient / KIB, "KiB"),
    row(`instance: clients per core, each seeing ${RATE} writes a second`, SHARE / crowd.share, "clients"),
    row("… frames that each of them receives", crowd.framesPerSecond, "a second"),
    row(`instance: writes per core, ${WRITERS} clients watching`, writes.most, "a second"),
    row(`… share of a core at ${formatCount(CALM_RATE)} writes a second`, writes.calmShare * 100, "%"),
    row("Valkey: changes per core, one per commit", valkey.single * SHARE, "a second"),
    row("Valkey: changes per core, 1,000 clicks per commit", valkey.grouped * SHARE, "a second"),
    row("Valkey: changes per core, 4,096 per commit", valkey.full * SHARE, "a second"),
    row("Valkey: memory for a million cells, every second one checked", million(memory.checkedBytes) / KIB, "KiB"),
    row("Valkey: memory for a million cells, their logs full of single clicks", million(memory.busyBytes) / KIB, "KiB"),
    row(
      "Valkey: memory per session for each page that the session wrote to, kept for 10 to 20 min",
      memory.sessionBytes,
      "bytes",
    ),
    row("Valkey: memory per click that HISTORY records", memory.historyBytes, "bytes"),
  ];
}

/** Two significant figures: more would not hold on another machine. */
function rounded(value: number): number | null {
  return Number.isFinite(value) && value > 0 ? Number(value.toPrecision(2)) : null;
}
