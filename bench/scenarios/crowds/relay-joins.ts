/*
 * Question: what does it cost an origin if a crowd opens a board at a relay that already holds the
 * page?
 *
 * Some calls of a relay come at intervals, whoever joins: it compares the positions of its pages,
 * and reports itself. What happens in a while without joins is left out.
 */

import { setTimeout as pause } from "node:timers/promises";
import { LaneClient } from "../../load/lane-client.js";
import { relaysOf } from "../../load/ours.js";
import { atMost, type Scenario } from "../../load/outcome.js";
import { cpuSeconds, startSystem, startValkey } from "../../load/processes.js";
import { startOrigin } from "../../load/relayed.js";

const CELLS = 65_536;
const VIEWERS = 1_000;
const IDLE_MS = 6_000;
/** Calls that the joins may have caused arrive within this time. */
const AFTER_MS = 2_000;

export const relayJoins: Scenario = {
  name: "relay-joins",
  question: "What does it cost an upstream if a crowd opens a board at a relay that holds the page?",
  run: async ({ isQuick, tell }) => {
    const viewers = isQuick ? 200 : VIEWERS;
    const ends: (() => unknown)[] = [];
    try {
      const origin = await startOrigin(CELLS);
      ends.push(() => origin.stop());
      const valkey = await startValkey();
      ends.push(() => valkey.stop());
      const relay = await startSystem(relaysOf(origin.url), valkey, CELLS);
      ends.push(() => relay.stop());
      const join = async () => {
        const client = await LaneClient.open(relay.url, [0]);
        ends.push(() => client.close());
        return client;
      };
      const first = await join();
      for (let cell = 0; cell < CELLS; cell += 331) first.set(cell, true);
      // What the first join and the writes cause has passed before anything is counted.
      await pause(AFTER_MS);
      const idle = await origin.calls();
      await pause(isQuick ? IDLE_MS / 2 : IDLE_MS);
      const before = await origin.calls();
      const regular = new Set(
        [...before].filter(([name, count]) => count > (idle.get(name) ?? 0)).map(([name]) => name),
      );
      const cpuBefore = { origin: cpuSeconds([origin.pid]), relay: cpuSeconds([relay.pid]) };
      const startMs = performance.now();
      const clients = await Promise.all(Array.from({ length: viewers }, join));
      const joinedMs = performance.now() - startMs;
      await pause(AFTER_MS);
      const after = await origin.calls();
      const caused = [...after].filter(([name]) => !regular.has(name));
      const calls = caused.reduce((sum, [name, count]) => sum + count - (before.get(name) ?? 0), 0);
      const equal = clients.filter((client) => isEqual(client, first)).length;
      tell(`${viewers} viewers joined within ${joinedMs.toFixed(0)} ms; ${calls} calls upstream`);
      return {
        method:
          `One viewer watches at the only relay, so that the relay holds the page of ${CELLS.toLocaleString("en-US")} cells. Then ${viewers} viewers connect, open and watch at once. ` +
          `Calls at the upstream are counted until ${AFTER_MS / 1_000} s after the last has joined, except those that also occur if nobody joins (${[...regular].join(", ")}).`,
        columns: {
          viewers: "viewers that join",
          ms: "time until all have joined, ms",
          calls: "calls at the upstream",
          relay: "CPU of the relay for each, ms",
          origin: "CPU of the upstream, ms",
        },
        rows: [
          {
            viewers,
            ms: joinedMs,
            calls,
            relay: ((cpuSeconds([relay.pid]) - cpuBefore.relay) * 1_000) / viewers,
            origin: (cpuSeconds([origin.pid]) - cpuBefore.origin) * 1_000,
          },
        ],
        targets: [atMost(1, "", `requests upstream for ${viewers} joins`, calls)],
        faults: equal === viewers ? [] : [`${viewers - equal} viewers do not show the page`],
      };
    } finally {
      for (const end of ends.reverse()) await end();
    }
  },
};

function isEqual(one: LaneClient, other: LaneClient): boolean {
  for (let cell = 0; cell < CELLS; cell++) if (one.get(cell) !== other.get(cell)) return false;
  return true;
}
