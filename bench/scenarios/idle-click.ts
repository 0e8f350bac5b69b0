/*
 * Question: how long does one click take to reach a client of another instance when nothing else
 * happens, compared with bare `ws` and others?
 *
 * Two servers each and one click at a time, the systems in turns. The pause between clicks is
 * longer than a frame: without it, the scenario would measure the flush interval, which is meant
 * for load.
 */

import { setTimeout as pause } from "node:timers/promises";
import { pace } from "../../src/bench/pace.js";
import { type Correctness, judge, judgeSettled, Remarks } from "../load/correctness.js";
import { colyseus } from "../load/frameworks.js";
import { ours, oursOverSocketIo } from "../load/ours.js";
import { atMost, type Scenario, show } from "../load/outcome.js";
import { installPeers } from "../load/peers.js";
import { redisAdapter, wsCoalesced, wsPubSub } from "../load/per-change.js";
import { startSystem, startValkey } from "../load/processes.js";
import type { BoardClient, System } from "../load/system.js";
import { type Clicker, PAUSE_MS, rowOf, timeOf, timeRounds } from "../load/timed-clicks.js";

const CELLS = 100;
/** Servers run for weeks: V8 must have compiled the hot code before anything is measured. */
const WARM_SECONDS = 40;
/** Writes per second. Ours accepts 200 requests per second from one connection. */
const WARM_RATE = 180;
/** The flush interval is short again after this time. */
const SETTLE_MS = 500;
const CLICKS_FIRST = 100;
const RATIO = { required: 1.25, stretch: 1.1 };

interface Pair extends Clicker {
  judge(): Promise<Correctness>;
  stop(): Promise<void>;
}

export const idleClick: Scenario = {
  name: "idle-click",
  question: "How long does one click take to reach a client of another instance when nothing else happens?",
  run: async ({ isQuick }) => {
    installPeers();
    const clicks = isQuick ? 100 : 200;
    const rounds = isQuick ? 1 : 3;
    const warmSeconds = isQuick ? 1 : WARM_SECONDS;
    const [mine, plain, adapter] = [ours(CELLS), wsPubSub, redisAdapter];
    // The last two gather changes at a fixed interval, also when idle.
    const systems = [mine, plain, adapter, oursOverSocketIo(CELLS), wsCoalesced, colyseus];
    const remarks = new Remarks();
    const pairs: Pair[] = [];
    try {
      for (const system of systems) {
        const pair = await startPair(system);
        pairs.push(pair);
        await warmUp(pair, warmSeconds);
      }
      for (let nth = 0; nth < CLICKS_FIRST; nth++) for (const pair of pairs) await timeOf(pair);
      await timeRounds(pairs, rounds, clicks);
      const judged = await pairs[0]?.judge();
      if (judged) remarks.add(mine.name, judged);
    } finally {
      await Promise.all(pairs.map((pair) => pair.stop()));
    }
    const rows = pairs.map(rowOf);
    const ofPlain = ({ name }: System) => {
      const median = (system: string) => rows.find((row) => row.system === system)?.p50.median ?? Number.NaN;
      return median(name) / median(plain.name);
    };
    return {
      method:
        `Each system: two servers, ${rounds} alternating rounds of ${clicks} clicks, ${PAUSE_MS} ms apart, after a warm-up of ${warmSeconds} s at ${WARM_RATE} writes/s. Writer and watcher are in one process, ` +
        "on one connection each. Median of the rounds (lowest–highest).",
      columns: { system: "system", p50: "p50, ms", p90: "p90, ms", p99: "p99, ms" },
      rows,
      targets: [atMost(RATIO, "×", `p50, relative to ${plain.name}`, ofPlain(mine))],
      notes: [
        `${adapter.name}, which gives no guarantees, takes ${show(ofPlain(adapter))} × as long as ${plain.name}.`,
        ...remarks.notes,
      ],
      faults: remarks.faults,
      chart: "p50",
    };
  },
};

async function warmUp({ click }: Pair, seconds: number): Promise<void> {
  await pace(WARM_RATE, seconds * 1_000, click);
  await pause(SETTLE_MS);
}

async function startPair(system: System): Promise<Pair> {
  const arrivals = new EventTarget();
  const valkey = await startValkey();
  const servers = await Promise.all([1, 2].map(() => startSystem(system, valkey, CELLS)));
  const [from, to] = servers;
  const writer = await system.connect(from?.url ?? "", CELLS, () => undefined);
  const watcher = await system.connect(to?.url ?? "", CELLS, () => arrivals.dispatchEvent(new Event("change")));
  const clients: readonly BoardClient[] = [writer, watcher];
  const last = new Map<number, boolean>();
  let clicks = 0;
  return {
    name: system.name,
    click: () => {
      const cell = clicks % CELLS;
      const value = Math.floor(clicks / CELLS) % 2 === 0;
      writer.set(cell, value);
      last.set(cell, value);
      clicks++;
    },
    arrivals,
    tookMs: [],
    judge: () =>
      judgeSettled(async () => {
        const stored = await system.stored(valkey, to?.url ?? "", CELLS);
        return judge({ cells: CELLS, last, stored }, clients);
      }),
    stop: async () => {
      for (const client of clients) client.close();
      await Promise.all(servers.map((server) => server.stop()));
      await valkey.stop();
    },
  };
}
