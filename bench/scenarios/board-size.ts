/*
 * Question: what does a write cost on a board of 1,000,000,000 cells, compared with a board of 100?
 *
 * On the large board the clients watch one page in the middle, and all writes go to that page. The
 * boards are compared round by round, because the machine's noise is larger than the difference.
 */

import { readPage } from "../../src/bench/deployment.js";
import { getBit } from "../../src/board/bitmap.js";
import { PAGE_CELLS, pageCount } from "../../src/board/geometry.js";
import { Remarks } from "../load/correctness.js";
import { Fleet, WARM_SECONDS } from "../load/fleet.js";
import { LaneClient } from "../load/lane-client.js";
import { oursOn } from "../load/ours.js";
import { atMost, Rounds, type Scenario, show, spreadOf } from "../load/outcome.js";
import { usage } from "../load/processes.js";
import type { System } from "../load/system.js";

const SMALL = 100;
const LARGE = 1_000_000_000;
const FAR_PAGE = 7_000;
const RATE = 500;
const RATIO = 1.15;

const small: System = { ...oursOn(`main=${SMALL}`), name: "board of 100" };
const large: System = {
  ...oursOn(`main=${LARGE}`),
  name: "board of 1,000,000,000",
  connect: (url, _, changed) => LaneClient.open(url, [FAR_PAGE], changed),
  stored: async (_, url) => {
    const { bits } = await readPage(url, "main", FAR_PAGE);
    return (cell) => getBit(bits, cell) === 1;
  },
};

export const boardSize: Scenario = {
  name: "board-size",
  question: "What does a write cost on a board of 1,000,000,000 cells, compared with a board of 100?",
  run: async ({ isQuick, tell }) => {
    const rounds = isQuick ? 2 : 12;
    const seconds = isQuick ? 2 : 3;
    const warmSeconds = isQuick ? 2 : WARM_SECONDS;
    const options = { servers: 2, clients: 20 };
    const fleets = [await Fleet.start(small, { ...options, cells: SMALL })];
    try {
      fleets.push(await Fleet.start(large, { ...options, cells: PAGE_CELLS }));
      const costs = new Rounds();
      const delays = new Rounds();
      for (const fleet of fleets) await fleet.run(RATE, warmSeconds);
      for (let round = 0; round < rounds; round++) {
        for (const fleet of fleets) {
          const { serversCpuSeconds, valkeyCpuSeconds, writes, p50 } = await fleet.run(RATE, seconds);
          const cost = ((serversCpuSeconds + valkeyCpuSeconds) * 1e6) / writes;
          costs.add(fleet.system.name, cost);
          delays.add(fleet.system.name, p50);
          tell(`${fleet.system.name}: ${cost.toFixed(0)} µs per write`);
        }
      }
      const rows = [];
      const remarks = new Remarks();
      for (const fleet of fleets) {
        const system = fleet.system.name;
        const judged = await fleet.judge();
        const mib = Math.max(...fleet.servers.map(({ pid }) => usage(pid).residentBytes)) / 2 ** 20;
        rows.push({ system, cost: costs.spread(system), p50: delays.spread(system), mib, ...judged });
        remarks.add(system, judged);
      }
      const others = costs.of(small.name);
      const ratio = spreadOf(costs.of(large.name).map((cost, round) => cost / (others[round] ?? Number.NaN)));
      return {
        method:
          `Two servers, 20 clients, ${RATE} writes/s for ${seconds} s, ${rounds} alternating rounds, after a warm-up of ${warmSeconds} s. CPU of servers and Valkey together. On the large board the ` +
          `clients watch page ${show(FAR_PAGE)} of ${show(pageCount(LARGE))}, and all writes go to that page.`,
        columns: {
          system: "board",
          cost: "CPU per write, µs",
          p50: "click → client p50, ms",
          mib: "memory of a server, MiB",
          lostWrites: "lost writes",
          divergedClients: "diverged clients",
        },
        rows,
        targets: [
          atMost(RATIO, "×", "cost per write, relative to a board of 100; median of the rounds' ratios", ratio.median),
        ],
        notes: [`The ratios of the rounds: ${show(ratio)}.`, ...remarks.notes],
        faults: remarks.faults,
      };
    } finally {
      await Promise.all(fleets.map((fleet) => fleet.stop()));
    }
  },
};
