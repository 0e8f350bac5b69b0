/*
 * Question: how many writes a second does a deployment bear with p99 under 150 ms, beside systems that send a frame for each?
 *
 * The search of `socketscaler bench --find-max`, over the harness of the other scenarios: a trial fails when p99 passes the
 * bound or changes stay behind. One system after the other, each alone on the machine.
 */

import { findMax, judgeTrial, type Trial } from "../../src/bench/find-max.js";
import { Fleet } from "../load/fleet.js";
import { ours } from "../load/ours.js";
import type { Scenario, Settings } from "../load/outcome.js";
import { redisAdapter, wsPubSub } from "../load/per-change.js";
import { installPeers } from "../process.js";

/** As many as there are cells on a page: none is written twice within a trial's p99. */
const CELLS = 60_000;
const P99_MS = 150;
const TIMES = 20;
/** Servers run for weeks: each is warmed for so long, at its first rate. */
const WARM_SECONDS = 16;

export const knee: Scenario = {
  name: "knee",
  run: async (settings) => {
    installPeers();
    const found = [];
    for (const [system, first] of [
      [ours(CELLS), 4_000],
      [redisAdapter, 400],
      [wsPubSub, 400],
    ] as const) {
      const fleet = await Fleet.start(system, { servers: 4, clients: 200, cells: CELLS });
      try {
        await fleet.run(first, settings.isQuick ? 1 : WARM_SECONDS);
        const { knee, trials } = await findMax(first, (rate) => attempt(fleet, rate, settings));
        const best = trials.find(({ rate, failure }) => rate === knee && failure === undefined);
        found.push({
          system: system.name,
          knee: knee ?? 0,
          p99: best?.p99 ?? null,
          trials: trials.length,
          ...(await fleet.judge()),
        });
      } finally {
        await fleet.stop();
      }
    }
    const [mine, ...peers] = found;
    const best = Math.max(...peers.map((peer) => peer.knee));
    return {
      name: "knee",
      question: `Highest write rate with p99 under ${P99_MS} ms, 4 instances, 200 clients`,
      method:
        `Each system is warmed at a rate that it bears for ${settings.isQuick ? 1 : WARM_SECONDS} s. ` +
        "The rate is doubled until a trial fails, then narrowed to a tenth. A trial fails when p99 of click → client passes the bound, or when not " +
        "all changes arrive, twice. The clients share the machine with the servers, so this is a ratio, not a capacity.",
      columns: [
        { key: "system", label: "system" },
        { key: "knee", label: "writes/s" },
        { key: "p99", label: "p99 there, ms" },
        { key: "trials", label: "trials" },
        { key: "lostWrites", label: "lost writes" },
        { key: "divergedClients", label: "diverged clients" },
      ],
      rows: found,
      targets: [
        {
          text: "highest rate, of the best peer that sends a frame per change",
          measured: mine && best > 0 ? mine.knee / best : null,
          bound: TIMES,
          sense: "at least",
          unit: "×",
        },
      ],
      notes: [],
      chart: "knee",
    };
  },
};

async function attempt(fleet: Fleet, rate: number, { isQuick, tell }: Settings): Promise<Trial> {
  const seconds = isQuick ? 1 : 3;
  const run = await fleet.run(rate, seconds);
  const arrived = (run.writes * run.delivered) / run.expected / seconds;
  const trial = judgeTrial({ rate, acknowledged: arrived, p99: run.p99, codes: [] }, P99_MS);
  tell(`${fleet.system.name}: ${rate}/s p99 ${run.p99.toFixed(0)} ms ${trial.failure ?? "passed"}`);
  return trial;
}
