/*
 * Question: how long does one click take to a client of another instance when nothing else happens, beside bare `ws`?
 *
 * Two servers each; one click at a time, the systems in turns, with a pause longer than a frame between: without it the flush
 * interval would be measured, which is for load.
 */

import { once } from "node:events";
import { setTimeout as pause } from "node:timers/promises";
import { pace } from "../../src/bench/pace.js";
import { ours } from "../load/ours.js";
import type { Scenario } from "../load/outcome.js";
import { redisAdapter, wsPubSub } from "../load/per-change.js";
import { start, startValkey } from "../load/processes.js";
import type { System } from "../load/system.js";
import { installPeers } from "../process.js";

const CELLS = 100;
/** Servers run for weeks: all is compiled that is worth it before anything is measured. */
const WARM_SECONDS = 40;
/** Writes a second: of one connection ours takes 200 requests. */
const WARM_RATE = 180;
/** After that the flush interval comes down again. */
const SETTLE_MS = 500;
const CLICKS_FIRST = 100;
const PAUSE_MS = 20;
const RATIO = 1.15;

interface Pair {
  readonly system: System;
  /** Changes one cell, each time the next. */
  readonly click: () => void;
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
      for (const system of [ours(CELLS), wsPubSub, redisAdapter]) {
        const pair = await startPair(system);
        pairs.push(pair);
        await warmUp(pair, isQuick ? 1 : WARM_SECONDS);
      }
      for (let nth = 0; nth < clicks + CLICKS_FIRST; nth++) {
        for (const { click, arrivals, tookMs } of pairs) {
          await pause(PAUSE_MS);
          const arrived = once(arrivals, "change");
          const startMs = performance.now();
          click();
          await arrived;
          if (nth >= CLICKS_FIRST) tookMs.push(performance.now() - startMs);
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
      method: `${clicks} clicks each, in turns, ${PAUSE_MS} ms apart, two servers each, after ${isQuick ? 1 : WARM_SECONDS} s at ${WARM_RATE} writes/s; writer and watcher in one process, on one connection each.`,
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

async function warmUp({ click }: Pair, seconds: number): Promise<void> {
  await pace(WARM_RATE, seconds * 1_000, click, () => undefined);
  await pause(SETTLE_MS);
}

async function startPair(system: System): Promise<Pair> {
  const arrivals = new EventTarget();
  const valkey = await startValkey();
  const servers = await Promise.all(
    [1, 2].map(() => start(process.execPath, system.args(valkey, CELLS), system.env?.(valkey, CELLS))),
  );
  const [from, to] = servers;
  const writer = await system.connect(from?.url ?? "", CELLS, () => undefined);
  const watcher = await system.connect(to?.url ?? "", CELLS, () => arrivals.dispatchEvent(new Event("change")));
  let clicks = 0;
  return {
    system,
    click: () => {
      writer.set(clicks % CELLS, Math.floor(clicks / CELLS) % 2 === 0);
      clicks++;
    },
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
