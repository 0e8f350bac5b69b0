/*
 * Question: does the CPU of an origin grow with the number of its relays, or with their viewers?
 *
 * Each deployment is new: Valkey, an origin, and relays. All writes arrive at the relays, so that
 * each batch takes the link to the origin and returns over every link.
 */

import { Remarks } from "../../load/correctness.js";
import { Fleet } from "../../load/fleet.js";
import { relaysOf } from "../../load/ours.js";
import { atMost, type Scenario, type Settings } from "../../load/outcome.js";
import { cpuSeconds } from "../../load/processes.js";
import { startOrigin } from "../../load/relayed.js";

const CELLS = 10_000;
const RATE = 200;
const RELAYS = [1, 2, 4, 8];
const VIEWERS = 200;
const PER_RELAY = 4;

interface Found {
  readonly relays: number;
  readonly viewers: number;
  /** Shares of a core, in percent. */
  readonly origin: number;
  readonly relay: number;
  readonly commits: number;
  readonly p50: number;
  readonly p99: number;
}

export const relays: Scenario = {
  name: "relays",
  question: "Does the CPU of an upstream grow with its relays, or with their viewers?",
  run: async (settings) => {
    const viewers = settings.isQuick ? 50 : VIEWERS;
    const remarks = new Remarks();
    const grown: Found[] = [];
    for (const count of RELAYS) grown.push(await measure(count, viewers * count, settings, remarks));
    const crowded = await measure(1, viewers * (RELAYS.at(-1) ?? 1), settings, remarks);
    const [first] = grown;
    const perRelay = slopeOf(grown);
    return {
      method:
        `${RATE} writes/s in all, by the viewers of all relays; ${seconds(settings).warm} s to warm up, then ${seconds(settings).measured} s. ` +
        `In the last row, one relay has as many viewers as the ${RELAYS.at(-1)} relays of the row before it have together. The cost of a further relay is the slope over all rows but the last.`,
      columns: {
        relays: "relays",
        viewers: "viewers in all",
        origin: "upstream's CPU, % of a core",
        relay: "CPU of each relay, % of a core",
        commits: "commits per second",
        p50: "click → viewer p50, ms",
        p99: "p99, ms",
      },
      rows: [...grown, crowded].map((found) => ({ ...found })),
      targets: [atMost(PER_RELAY, "% of a core", "upstream's CPU for each further relay", perRelay)],
      notes: [
        `With ${crowded.viewers} viewers at one relay instead of ${first?.viewers}, the upstream's CPU differs by ${(crowded.origin - (first?.origin ?? 0)).toFixed(1)} % of a core.`,
        ...remarks.notes,
      ],
      faults: remarks.faults,
    };
  },
};

function seconds({ isQuick }: Settings) {
  return isQuick ? { warm: 1, measured: 3 } : { warm: 6, measured: 8 };
}

async function measure(relays: number, viewers: number, settings: Settings, remarks: Remarks): Promise<Found> {
  const { warm, measured } = seconds(settings);
  const origin = await startOrigin(CELLS);
  try {
    const fleet = await Fleet.start(relaysOf(origin.url), { servers: relays, clients: viewers, cells: CELLS });
    try {
      await fleet.run(RATE, warm);
      const before = { cpu: cpuSeconds([origin.pid]), commits: await origin.commits() };
      const run = await fleet.run(RATE, measured);
      const share = (cpu: number) => (cpu * 100) / run.seconds;
      const found = {
        relays,
        viewers,
        origin: share(cpuSeconds([origin.pid]) - before.cpu),
        relay: share(run.serversCpuSeconds) / relays,
        commits: ((await origin.commits()) - before.commits) / run.seconds,
        p50: run.p50,
        p99: run.p99,
      };
      settings.tell(`relays: ${relays}, viewers: ${viewers}; the upstream uses ${found.origin.toFixed(1)} % of a core`);
      remarks.add(`${viewers} viewers of ${relays} relays`, await fleet.judge());
      return found;
    } finally {
      await fleet.stop();
    }
  } finally {
    await origin.stop();
  }
}

/** Of the origin's CPU over the number of relays, by least squares. */
function slopeOf(found: readonly Found[]): number {
  const mean = (of: (one: Found) => number) => found.reduce((sum, one) => sum + of(one), 0) / found.length;
  const [relays, origin] = [mean((one) => one.relays), mean((one) => one.origin)];
  const covariance = mean((one) => (one.relays - relays) * (one.origin - origin));
  return covariance / mean((one) => (one.relays - relays) ** 2);
}
