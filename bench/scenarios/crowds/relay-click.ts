/*
 * Question: how long does one click take from one relay to a viewer at another, when nothing else
 * happens, compared with a click within one instance?
 *
 * Through relays, a click takes two more links: to the origin, and from there to the other relay.
 * The clicks alternate, one at a time. Each deployment has a Valkey of its own.
 */

import { setTimeout as pause } from "node:timers/promises";
import { pace } from "../../../src/bench/pace.js";
import { LaneClient } from "../../load/lane-client.js";
import { ours, relaysOf } from "../../load/ours.js";
import { atMost, type Scenario } from "../../load/outcome.js";
import { startSystem, startValkey } from "../../load/processes.js";
import { startOrigin } from "../../load/relayed.js";
import { type Clicker, PAUSE_MS, rowOf, timeRounds } from "../../load/timed-clicks.js";

const CELLS = 100;
const WARM_SECONDS = 20;
const WARM_RATE = 180;
const SETTLE_MS = 500;
const RATIO = 3;

export const relayClick: Scenario = {
  name: "relay-click",
  question: "How long does one click take from one relay to a viewer at another when nothing else happens?",
  run: async ({ isQuick, tell }) => {
    const clicks = isQuick ? 100 : 300;
    const rounds = isQuick ? 1 : 3;
    const warmSeconds = isQuick ? 1 : WARM_SECONDS;
    const ends: (() => unknown)[] = [];
    try {
      const origin = await startOrigin(CELLS);
      ends.push(() => origin.stop());
      const valkey = await startValkey();
      ends.push(() => valkey.stop());
      const start = async (system = ours(CELLS)) => {
        const server = await startSystem(system, valkey, CELLS);
        ends.push(() => server.stop());
        return server.url;
      };
      const single = await start();
      const [from, to] = [await start(relaysOf(origin.url)), await start(relaysOf(origin.url))];
      const ways = [
        await openWay("within one instance", single, single, ends),
        await openWay("from one relay to another", from, to, ends),
      ];
      for (const { click } of ways) await pace(WARM_RATE, warmSeconds * 1_000, click);
      await pause(SETTLE_MS);
      await timeRounds(ways, rounds, clicks);
      const rows = ways.map(rowOf);
      const [alone, relayed] = rows.map(({ p50 }) => p50.median);
      const ratio = (relayed ?? Number.NaN) / (alone ?? Number.NaN);
      tell(`p50 ${relayed?.toFixed(2)} ms through relays, ${alone?.toFixed(2)} ms within one instance`);
      return {
        method:
          `${rounds} alternating rounds of ${clicks} clicks for each way, ${PAUSE_MS} ms apart, after ${warmSeconds} s at ${WARM_RATE} writes/s. ` +
          "Writer and viewer are in one process, on one connection each. Median of the rounds (lowest–highest).",
        columns: { system: "way", p50: "p50, ms", p90: "p90, ms", p99: "p99, ms" },
        rows,
        targets: [atMost(RATIO, "×", "p50 from relay to relay, relative to one instance", ratio)],
        chart: "p50",
      };
    } finally {
      for (const end of ends.reverse()) await end();
    }
  },
};

async function openWay(name: string, from: string, to: string, ends: (() => unknown)[]): Promise<Clicker> {
  const arrivals = new EventTarget();
  const writer = await LaneClient.open(from, [0]);
  ends.push(() => writer.close());
  const viewer = await LaneClient.open(to, [0], () => arrivals.dispatchEvent(new Event("change")));
  ends.push(() => viewer.close());
  let clicks = 0;
  const click = () => {
    writer.set(clicks % CELLS, Math.floor(clicks / CELLS) % 2 === 0);
    clicks++;
  };
  return { name, click, arrivals, tookMs: [] };
}
