/*
 * Question: how many clients and writes can one core serve, and how much memory do clients and
 * cells take?
 *
 * In the units that operators plan with. `npm run bench:report` copies the table to
 * docs/deploy.md.
 */

import { Resp } from "../../test/support/resp.js";
import { Remarks } from "../load/correctness.js";
import { Fleet, type Run } from "../load/fleet.js";
import { ours } from "../load/ours.js";
import { atLeast, type Scenario, type Settings } from "../load/outcome.js";
import { startValkey } from "../load/processes.js";
import { MILLION_PAGES, measureValkeyMemory, type ValkeyMemory } from "../load/valkey-memory.js";
import { CLICK, CLICKS, FULL, measureCommits } from "./commits.js";
import { measureMemory } from "./memory.js";

const CELLS = 10_000;
/** Writes per second that all clients see. */
const RATE = 50;
/** Writes per second of a few clients, to find the cost of a write. */
const WRITE_RATE = 2_000;
const FEW = 20;
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
    const writeUs = await measureWrites(settings, remarks);
    const valkey = await measureValkeyCore(settings);
    const memory = await measureValkeyMemory();
    return {
      method:
        `One instance; WebSocket clients in one other process. CPU is the CPU time that the operating system counts for the process; a core counts as full at ${SHARE * 100} %. Clients per core follow from the difference ` +
        `in cost between crowds of ${crowd.sizes.join(" and ")} clients, divided by the difference in clients. Each client sees ${RATE} writes/s. Writes: ${WRITE_RATE}/s from ${FEW} clients. Valkey's changes: commit.lua alone.`,
      columns: { what: "what", measured: "measured", unit: "" },
      rows: rowsOf(bytesPerClient, crowd, writeUs, valkey, memory),
      targets: [
        atLeast({ required: 18_000, stretch: 30_000 }, "", "writes per second and core", (SHARE * 1e6) / writeUs),
      ],
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

/** Microseconds of an instance's CPU per write. */
async function measureWrites({ isQuick, tell }: Settings, remarks: Remarks): Promise<number> {
  const { serversCpuSeconds, writes } = await measureRun(FEW, WRITE_RATE, isQuick ? 1 : 4, remarks);
  const us = (serversCpuSeconds * 1e6) / writes;
  tell(`${us.toFixed(0)} µs of an instance per write`);
  return us;
}

/** One instance under load, after half as long to warm up. */
async function measureRun(clients: number, rate: number, seconds: number, remarks: Remarks): Promise<Run> {
  const fleet = await Fleet.start(ours(CELLS), { servers: 1, clients, cells: CELLS });
  try {
    await fleet.run(rate, seconds / 2);
    const run = await fleet.run(rate, seconds);
    remarks.add(fleet.system.name, await fleet.judge());
    return run;
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
  writeUs: number,
  valkey: { readonly single: number; readonly grouped: number; readonly full: number },
  memory: ValkeyMemory,
) {
  const row = (what: string, measured: number, unit: string) => ({ what, measured: rounded(measured), unit });
  const million = (bytes: number) => (bytes / MILLION_PAGES / 65_536) * 1e6;
  return [
    row("instance: memory per client that watches", bytesPerClient / KIB, "KiB"),
    row(`instance: clients per core, each seeing ${RATE} writes a second`, SHARE / crowd.share, "clients"),
    row("… frames that each of them receives", crowd.framesPerSecond, "a second"),
    row(`instance: writes per core, ${FEW} clients watching`, (SHARE * 1e6) / writeUs, "a second"),
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
