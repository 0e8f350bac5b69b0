/*
 * Question: how long does one click take to a client of another instance when nothing else happens, beside bare `ws`?
 *
 * Two servers each; one click at a time, the systems in turns, with a pause longer than a frame between: without it the flush
 * interval would be measured, which is for load.
 */

import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { ours } from "../load/ours.js";
import type { Scenario } from "../load/outcome.js";
import { redisAdapter, wsPubSub } from "../load/per-change.js";
import { start, startValkey } from "../load/processes.js";
import type { BoardClient, System } from "../load/system.js";
import { installPeers } from "../process.js";

const CELLS = 100;
const WARM_UP = 100;
const PAUSE_MS = 20;
const RATIO = 1.15;

interface Pair {
  readonly system: System;
  readonly writer: BoardClient;
  readonly arrivals: EventTarget;
  readonly tookMs: number[];
  stop(): Promise<void>;
}

export const idleClick: Scenario = {
  name: "idle-click",
  run: async ({ isQuick }) => {
    installPeers();
    const clicks = isQuick ? 100 : 500;
    const pairs: Pair[] = [];
    try {
      for (const system of [ours(CELLS), wsPubSub, redisAdapter]) pairs.push(await startPair(system));
      for (let click = 0; click < clicks + WARM_UP; click++) {
        for (const { writer, arrivals, tookMs } of pairs) {
          await pause(PAUSE_MS);
          const arrived = once(arrivals, "change");
          const startMs = performance.now();
          writer.set(click % CELLS, Math.floor(click / CELLS) % 2 === 0);
          await arrived;
          if (click >= WARM_UP) tookMs.push(performance.now() - startMs);
        }
      }
    } finally {
      await Promise.all(pairs.map((pair) => pair.stop()));
    }
    const rows = pairs.map(({ system, tookMs }) => {
      const sorted = tookMs.toSorted((a, b) => a - b);
      const at = (part: number) => sorted[Math.floor(sorted.length * part)] ?? Number.NaN;
      return { system: system.name, p50: at(0.5), p90: at(0.9), p99: at(0.99) };
    });
    const [mine, peer] = rows;
    return {
      name: "idle-click",
      question: "One click → a client on another instance, when idle",
      method: `${clicks} clicks each, in turns, ${PAUSE_MS} ms apart, two servers each; writer and watcher in one process, on one connection each.`,
      columns: [
        { key: "system", label: "system" },
        { key: "p50", label: "p50, ms" },
        { key: "p90", label: "p90, ms" },
        { key: "p99", label: "p99, ms" },
      ],
      rows,
      targets: [
        {
          text: `p50, of ${wsPubSub.name}`,
          measured: mine && peer ? mine.p50 / peer.p50 : null,
          bound: RATIO,
          sense: "at most",
          unit: "×",
        },
      ],
      notes: [],
      chart: "p50",
    };
  },
};

async function startPair(system: System): Promise<Pair> {
  const arrivals = new EventTarget();
  const valkey = await startValkey();
  const servers = await Promise.all(
    [1, 2].map(() => start(process.execPath, system.args(valkey, CELLS), system.env?.(valkey, CELLS))),
  );
  const [from, to] = servers;
  const writer = await system.connect(from?.url ?? "", CELLS, () => undefined);
  const watcher = await system.connect(to?.url ?? "", CELLS, () => arrivals.dispatchEvent(new Event("change")));
  return {
    system,
    writer,
    arrivals,
    tookMs: [],
    stop: async () => {
      writer.close();
      watcher.close();
      await Promise.all(servers.map((server) => server.stop()));
      await valkey.stop();
    },
  };
}
