/*
 * Question: how many clients and writes does one core serve, and what memory do clients and cells take? In what operators
 * reckon with: docs/operations.md shows the table.
 */

import { Resp } from "../../test/support/resp.js";
import { Remarks } from "../load/correctness.js";
import { Fleet, type Run } from "../load/fleet.js";
import { ours } from "../load/ours.js";
import type { Scenario, Settings } from "../load/outcome.js";
import { startValkey } from "../load/processes.js";
import { MILLION_PAGES, measureValkeyMemory, type ValkeyMemory } from "../load/valkey-memory.js";
import { CLICK, CLICKS, FULL, measureCommits } from "./commits.js";
import { measureMemory } from "./memory.js";

const CELLS = 10_000;
/** Writes a second that all clients are told of. */
const RATE = 50;
/** Writes a second of the few, to see what a write costs. */
const WRITE_RATE = 2_000;
const FEW = 20;
/** Of a core, in the rows that say how much it serves: the rest is for the moments when all come at once. */
const SHARE = 0.7;
const KIB = 1_024;

export const sizing: Scenario = {
  name: "sizing",
  run: async (settings) => {
    const bytesPerClient = await measureMemory(ours(CELLS), settings.isQuick ? 300 : 1_000);
    settings.tell(`${Math.round(bytesPerClient / KIB)} KiB a client`);
    const remarks = new Remarks();
    const crowd = await measureCrowds(settings, remarks);
    const writeUs = await measureWrites(settings, remarks);
    const valkey = await measureValkeyCore(settings);
    const memory = await measureValkeyMemory();
    return {
      name: "sizing",
      question: "What one core serves, and what memory clients and cells take",
      method:
        `One instance, clients over WebSocket in one other process. CPU is what the system says of the process; a core counts as full at ${SHARE * 100} %. Clients for each core: two crowds ` +
        `of ${crowd.sizes.join(" and ")} clients, of whom each hears of ${RATE} writes a second; what the larger costs more, by client. Writes: ${WRITE_RATE} a second of ${FEW} clients. Valkey's changes: commit.lua alone.`,
      columns: [
        { key: "what", label: "what" },
        { key: "measured", label: "measured" },
        { key: "unit", label: "" },
      ],
      rows: rowsOf(bytesPerClient, crowd, writeUs, valkey, memory),
      targets: [],
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

/** Two sizes, so that what an instance costs whatever its clients is left out. */
async function measureCrowds({ isQuick, tell }: Settings, remarks: Remarks): Promise<Crowds> {
  const sizes = isQuick ? [100, 400] : [400, 1_600];
  const seconds = isQuick ? 2 : 5;
  const found: { clients: number; busy: Run }[] = [];
  for (const clients of sizes) {
    const fleet = await Fleet.start(ours(CELLS), { servers: 1, clients, cells: CELLS });
    try {
      await fleet.run(RATE, seconds / 2);
      const busy = await fleet.run(RATE, seconds);
      remarks.add(fleet.system.name, await fleet.judge());
      found.push({ clients, busy });
      tell(
        `${clients} clients: ${Math.round(shareOf(busy) * 100)} % of a core at ${RATE} writes/s, p99 ${busy.p99.toFixed(0)} ms`,
      );
    } finally {
      await fleet.stop();
    }
  }
  const [few, many] = found;
  if (!few || !many) throw new Error("no crowds");
  const more = many.clients - few.clients;
  return {
    sizes,
    share: (shareOf(many.busy) - shareOf(few.busy)) / more,
    framesPerSecond: many.busy.frames / many.clients / many.busy.seconds,
  };
}

function shareOf({ serversCpuSeconds, seconds }: Run): number {
  return serversCpuSeconds / seconds;
}

/** Microseconds of an instance for each write of somebody. */
async function measureWrites({ isQuick, tell }: Settings, remarks: Remarks): Promise<number> {
  const fleet = await Fleet.start(ours(CELLS), { servers: 1, clients: FEW, cells: CELLS });
  try {
    await fleet.run(WRITE_RATE, isQuick ? 1 : 3);
    const run = await fleet.run(WRITE_RATE, isQuick ? 1 : 4);
    remarks.add(fleet.system.name, await fleet.judge());
    const us = (run.serversCpuSeconds * 1e6) / run.writes;
    tell(`${us.toFixed(0)} µs of an instance for each write`);
    return us;
  } finally {
    await fleet.stop();
  }
}

/** Changes per second of Valkey's CPU, by how they come. */
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
    row("instance: memory for each client that watches", bytesPerClient / KIB, "KiB"),
    row(`instance: clients for each core, who hear of ${RATE} writes a second`, SHARE / crowd.share, "clients"),
    row("… frames that each of them gets", crowd.framesPerSecond, "a second"),
    row(`instance: writes for each core, ${FEW} clients watching`, (SHARE * 1e6) / writeUs, "a second"),
    row("Valkey: changes for each core, one to a commit", valkey.single * SHARE, "a second"),
    row("Valkey: changes for each core, 1,000 clicks to a commit", valkey.grouped * SHARE, "a second"),
    row("Valkey: changes for each core, 4,096 to a commit", valkey.full * SHARE, "a second"),
    row("Valkey: memory for a million cells, every second one checked", million(memory.checkedBytes) / KIB, "KiB"),
    row("Valkey: memory for a million cells, their logs full of single clicks", million(memory.busyBytes) / KIB, "KiB"),
    row("Valkey: memory for each session and page that it wrote to, for 10 to 20 min", memory.sessionBytes, "bytes"),
    row("Valkey: memory for each click that HISTORY records", memory.historyBytes, "bytes"),
  ];
}

/** Two figures: more would promise what another machine, or another day, does not keep. */
function rounded(value: number): number | null {
  return Number.isFinite(value) && value > 0 ? Number(value.toPrecision(2)) : null;
}
