/*
 * Question: what does a write cost on a board of 1,000,000,000 cells, beside a board of 100?
 *
 * Two servers, 20 clients and 500 writes a second each; on the large board the clients watch one page far inside, and all
 * writes go over that page. CPU of servers and Valkey, in turns; compared round by round, as the machine's moods are larger
 * than the difference that is looked for.
 */

import { readPage } from "../../src/bench/deployment.js";
import { getBit } from "../../src/board/bitmap.js";
import { PAGE_CELLS, pageCount } from "../../src/board/geometry.js";
import { Remarks } from "../load/correctness.js";
import { Fleet } from "../load/fleet.js";
import { OurClient, oursOn } from "../load/ours.js";
import { type Scenario, show, spreadOf } from "../load/outcome.js";
import type { System } from "../load/system.js";

const SMALL = 100;
const LARGE = 1_000_000_000;
const FAR_PAGE = 7_000;
const RATE = 500;
const RATIO = 1.15;
/** Servers run for weeks: all is compiled that is worth it before anything is measured. */
const WARM_SECONDS = 16;

const LARGE_NAME = "board of 1,000,000,000";
const small = { ...oursOn(`main=${SMALL}`), name: "board of 100" };
const onPage = (system: System, page: number): System => ({
  ...system,
  name: LARGE_NAME,
  connect: async (url, _, changed) => {
    const first = page * PAGE_CELLS;
    const client = await OurClient.open(url, [page], (cell, value) => changed(cell - first, value));
    return {
      set: (cell, value) => client.set(first + cell, value),
      get: (cell) => client.get(first + cell),
      get received() {
        return client.received;
      },
      get isOpen() {
        return client.isOpen;
      },
      get refused() {
        return client.refused.map(({ cell, code }) => ({ cell: cell - first, code }));
      },
      get gaps() {
        return client.gaps;
      },
      close: () => client.close(),
    };
  },
  stored: async (_, url) => {
    const { bits } = await readPage(url, "main", page);
    return (cell) => getBit(bits, cell) === 1;
  },
});

export const boardSize: Scenario = {
  name: "board-size",
  run: async ({ isQuick, tell }) => {
    const rounds = isQuick ? 2 : 12;
    const seconds = isQuick ? 2 : 3;
    const warmSeconds = isQuick ? 2 : WARM_SECONDS;
    const options = { servers: 2, clients: 20 };
    const fleets = [await Fleet.start(small, { ...options, cells: SMALL })];
    try {
      fleets.push(await Fleet.start(onPage(oursOn(`main=${LARGE}`), FAR_PAGE), { ...options, cells: PAGE_CELLS }));
      const found = new Map<string, number[]>();
      for (const fleet of fleets) await fleet.run(RATE, warmSeconds);
      for (let round = 0; round < rounds; round++) {
        for (const fleet of fleets) {
          const { serversCpuSeconds, valkeyCpuSeconds, writes } = await fleet.run(RATE, seconds);
          const cost = ((serversCpuSeconds + valkeyCpuSeconds) * 1e6) / writes;
          found.set(fleet.system.name, [...(found.get(fleet.system.name) ?? []), cost]);
          tell(`${fleet.system.name}: ${cost.toFixed(0)} µs a write`);
        }
      }
      const rows = [];
      const remarks = new Remarks();
      for (const fleet of fleets) {
        const { name } = fleet.system;
        const judged = await fleet.judge();
        rows.push({ system: name, cost: spreadOf(found.get(name) ?? []), ...judged });
        remarks.add(name, judged);
      }
      const ratio = spreadOf(ratios(found.get(LARGE_NAME) ?? [], found.get(small.name) ?? []));
      return {
        name: "board-size",
        question: "Cost of a write on a board of 1,000,000,000 cells against one of 100",
        method:
          `Two servers, 20 clients, ${RATE} writes/s for ${seconds} s, ${rounds} rounds in turns, after ${warmSeconds} s to warm up; CPU of servers and Valkey together. On the large board the ` +
          `clients watch page ${show(FAR_PAGE)}, one of its ${show(pageCount(LARGE))}, and all writes go over that page.`,
        columns: [
          { key: "system", label: "board" },
          { key: "cost", label: "CPU per write, µs" },
          { key: "lostWrites", label: "lost writes" },
          { key: "divergedClients", label: "diverged clients" },
        ],
        rows,
        targets: [
          {
            text: "cost per write, of that on a board of 100; median of the rounds' ratios",
            measured: ratio.median,
            bound: RATIO,
            sense: "at most",
            unit: "×",
          },
        ],
        notes: [`The ratio is ${show(ratio)} × from round to round.`, ...remarks.notes],
        faults: remarks.faults,
      };
    } finally {
      await Promise.all(fleets.map((fleet) => fleet.stop()));
    }
  },
};

/** Round by round. */
function ratios(costs: readonly number[], others: readonly number[]): number[] {
  return costs.map((cost, round) => cost / (others[round] ?? Number.NaN));
}
