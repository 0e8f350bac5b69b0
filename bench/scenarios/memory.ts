/*
 * Question: how much memory does a server hold for a client that watches and does nothing, beside bare Socket.IO?
 *
 * Resident memory of one server process, as the system has it, before and after the clients came, each time after its garbage
 * was collected; what grew, divided by the clients.
 */

import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { ours } from "../load/ours.js";
import { type Scenario, spreadOf } from "../load/outcome.js";
import { peerArgs, redisAdapter } from "../load/per-change.js";
import { start, startValkey } from "../load/processes.js";
import type { BoardClient, System } from "../load/system.js";
import { usage } from "../process.js";

const CELLS = 65_536;
const RATIO = 1.15;
const AT_ONCE = 20;
const SETTLE_MS = 1_000;
const COLLECT = ["--expose-gc", "--require", fileURLToPath(new URL("../load/collect-on-signal.cjs", import.meta.url))];

/** Socket.IO alone: what any server of it holds for a client. */
const bare: System = { ...redisAdapter, name: "bare Socket.IO", args: peerArgs("bare-socket-io.ts") };

export const memory: Scenario = {
  name: "memory",
  run: async ({ isQuick, tell }) => {
    const clients = isQuick ? 500 : 2_000;
    const rounds = isQuick ? 1 : 3;
    const found = new Map<string, number[]>();
    for (let round = 0; round < rounds; round++) {
      for (const system of [ours(CELLS), bare]) {
        const bytes = await measureMemory(system, clients);
        found.set(system.name, [...(found.get(system.name) ?? []), bytes / 1_024]);
        tell(`${system.name}: ${(bytes / 1_024).toFixed(1)} KiB a client`);
      }
    }
    const rows = [...found].map(([system, values]) => ({ system, kib: spreadOf(values) }));
    const [mine, peer] = rows;
    return {
      name: "memory",
      question: "Memory of a server per idle client that watches",
      method: `Resident memory of one process after its garbage was collected, with ${clients} WebSocket clients less without, by client; ${rounds} rounds in turns, each with new processes.`,
      columns: [
        { key: "system", label: "system" },
        { key: "kib", label: "KiB per client" },
      ],
      rows,
      targets: [
        {
          text: "memory per idle client, of bare Socket.IO",
          measured: mine && peer ? mine.kib.median / peer.kib.median : null,
          bound: RATIO,
          sense: "at most",
          unit: "×",
        },
      ],
      notes: [],
      chart: "kib",
    };
  },
};

/** Bytes for each client. */
export async function measureMemory(system: System, count: number): Promise<number> {
  const valkey = await startValkey();
  const server = await start(
    process.execPath,
    [...COLLECT, ...system.args(valkey, CELLS)],
    system.env?.(valkey, CELLS),
  );
  const clients: BoardClient[] = [];
  const connect = async (more: number) => {
    for (let left = more; left > 0; left -= AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, left) }, () =>
        system.connect(server.url, CELLS, () => undefined),
      );
      clients.push(...(await Promise.all(some)));
    }
  };
  const resident = async () => {
    for (let times = 0; times < 2; times++) {
      process.kill(server.pid, "SIGUSR2");
      await pause(SETTLE_MS);
    }
    return usage(server.pid).residentBytes;
  };
  try {
    // Some come first, so that code is compiled and buffers are there that any number of clients share.
    await connect(100);
    const before = await resident();
    await connect(count);
    return ((await resident()) - before) / count;
  } finally {
    for (const client of clients) client.close();
    await server.stop();
    await valkey.stop();
  }
}
