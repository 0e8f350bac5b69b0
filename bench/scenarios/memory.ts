/*
 * Question: how much memory does a server hold for a client that only watches, compared with bare
 * `ws` and bare Socket.IO?
 *
 * The growth of one server's resident memory when the clients connect, divided by their number.
 * Garbage is collected before each reading. By default, V8 lets its young generation grow with all
 * that is allocated, by tens of megabytes, and keeps it when it is empty. That belongs to no client.
 * So all servers have a small one, and two are measured with the default as well.
 */

import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { colyseus } from "../load/frameworks.js";
import { ours, oursOverSocketIo } from "../load/ours.js";
import { atMost, Rounds, type Scenario } from "../load/outcome.js";
import { installPeers, peer, peerArgs } from "../load/peers.js";
import { redisAdapter, wsCoalesced } from "../load/per-change.js";
import { startSystem, startValkey, usage } from "../load/processes.js";
import type { BoardClient, System } from "../load/system.js";

const CELLS = 65_536;
const RATIO = 1.15;
const WS_RATIO = { required: 1.5, stretch: 1.2 };
const AT_ONCE = 20;
const SETTLE_MS = 1_000;
/** Flags of a server whose memory is measured. */
export const COLLECT = [
  "--expose-gc",
  "--require",
  fileURLToPath(new URL("../load/collect-on-signal.cjs", import.meta.url)),
];

const SMALL_YOUNG_GENERATION = "--max-semi-space-size=1";

const mine = ours(CELLS);
const mineOverSocketIo = oursOverSocketIo(CELLS);
/** Socket.IO and `ws` alone, the least that any server built on them holds for a client. */
const bareSocketIo: System = { ...redisAdapter, name: "bare Socket.IO", args: peerArgs("bare-socket-io.ts") };
const bareWs: System = { ...wsCoalesced, name: "bare ws", args: () => peer("ws-floor.ts", 0, 0) };

export const memory: Scenario = {
  name: "memory",
  question: "How much memory does an idle client that watches cost a server?",
  run: async ({ isQuick, tell }) => {
    installPeers();
    const clients = isQuick ? 500 : 2_000;
    const rounds = isQuick ? 1 : 3;
    const found = new Rounds();
    const byDefault = new Rounds();
    const measure = async (system: System, flags: readonly string[], rounds: Rounds) => {
      const bytes = await measureMemory(system, clients, flags);
      rounds.add(system.name, bytes / 1_024);
      tell(`${system.name} ${flags.join(" ")}: ${(bytes / 1_024).toFixed(1)} KiB per client`);
    };
    for (let round = 0; round < rounds; round++) {
      for (const system of [mine, bareWs, mineOverSocketIo, bareSocketIo, wsCoalesced, colyseus]) {
        await measure(system, [SMALL_YOUNG_GENERATION], found);
        if (system === mine || system === bareWs) await measure(system, [], byDefault);
      }
    }
    const others = byDefault.rows("byDefault");
    const rows = found.rows("kib").map((row) => {
      const other = others.find(({ system }) => system === row.system);
      return { ...row, byDefault: other?.byDefault ?? null };
    });
    const ratio = (one: System, other: System) => found.spread(one.name).median / found.spread(other.name).median;
    return {
      method: `Growth of one process's resident memory with ${clients} WebSocket clients, divided by their number, after garbage collection; ${rounds} alternating rounds, each with new processes. Each half of V8's young generation is limited to 1 MB. By default, it grows as memory is allocated, and does not shrink again.`,
      columns: { system: "system", kib: "KiB per client", byDefault: "with V8's default young generation" },
      rows,
      targets: [
        atMost(WS_RATIO, "×", "memory per idle client, relative to bare ws", ratio(mine, bareWs)),
        atMost(
          WS_RATIO,
          "×",
          "memory per idle client, relative to bare ws, with V8's default young generation",
          byDefault.spread(mine.name).median / byDefault.spread(bareWs.name).median,
        ),
        atMost(
          RATIO,
          "×",
          "memory per idle client over Socket.IO, relative to bare Socket.IO",
          ratio(mineOverSocketIo, bareSocketIo),
        ),
      ],
      chart: "kib",
    };
  },
};

/** Bytes for each client. */
export async function measureMemory(system: System, count: number, flags: readonly string[] = []): Promise<number> {
  const valkey = await startValkey();
  const server = await startSystem(system, valkey, CELLS, [...flags, ...COLLECT]);
  const clients: BoardClient[] = [];
  const connect = async (more: number) => {
    for (let left = more; left > 0; left -= AT_ONCE) {
      const some = Array.from({ length: Math.min(AT_ONCE, left) }, () =>
        system.connect(server.url, CELLS, () => undefined),
      );
      clients.push(...(await Promise.all(some)));
    }
  };
  try {
    // The first clients make the server compile its code and allocate shared buffers.
    await connect(100);
    const before = await residentBytes(server.pid);
    await connect(count);
    return ((await residentBytes(server.pid)) - before) / count;
  } finally {
    for (const client of clients) client.close();
    await server.stop();
    await valkey.stop();
  }
}

/** After garbage collection, of a server that was started with COLLECT. */
export async function residentBytes(pid: number): Promise<number> {
  for (let times = 0; times < 2; times++) {
    process.kill(pid, "SIGUSR2");
    await pause(SETTLE_MS);
  }
  return usage(pid).residentBytes;
}
