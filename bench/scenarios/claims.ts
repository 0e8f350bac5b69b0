/*
 * Question: what does a claim cost, compared with a plain write?
 *
 * Each board has two instances and a Valkey of its own. They are running together and take turns.
 * Two boards are the same, which shows the spread of identical runs. Every write checks a cell that
 * was free, so on boards with claims every write is a claim.
 */

import { Names } from "../../src/store/valkey/scripts/keys.js";
import { Resp } from "../../test/support/resp.js";
import { Fleet } from "../load/fleet.js";
import { oursOn } from "../load/ours.js";
import { atMost, Rounds, type Scenario } from "../load/outcome.js";

const CELLS = 65_536;
const RATE = 400;
const WARM_SECONDS = 12;
const PLAIN = "plain board";
const AGAIN = "the same again";
const KEPT = "claims, kept until given back";
const HELD = "claims, held for 10 minutes";
const BOARDS: readonly (readonly [name: string, claims: string])[] = [
  [PLAIN, ""],
  [AGAIN, ""],
  [KEPT, "main"],
  [HELD, "main=10m"],
];

export const claims: Scenario = {
  name: "claims",
  question: "What does a claim cost, compared with a plain write?",
  run: async ({ isQuick, tell }) => {
    const seconds = isQuick ? 1 : 6;
    const rounds = isQuick ? 1 : 5;
    const fleets: [name: string, fleet: Fleet][] = [];
    const cpu = new Rounds();
    const valkeyCpu = new Rounds();
    try {
      for (const [name, rule] of BOARDS) {
        const system = oursOn(`main=${CELLS}`, { CLAIMS: rule });
        fleets.push([name, await Fleet.start(system, { servers: 2, clients: 40, cells: CELLS })]);
      }
      for (const [, fleet] of fleets) await fleet.run(RATE, isQuick ? 1 : WARM_SECONDS);
      for (let round = 1; round <= rounds; round++) {
        for (const [name, fleet] of fleets) {
          const { writes, serversCpuSeconds, valkeyCpuSeconds } = await fleet.run(RATE, seconds);
          cpu.add(name, ((serversCpuSeconds + valkeyCpuSeconds) * 1e6) / writes);
          valkeyCpu.add(name, (valkeyCpuSeconds * 1e6) / writes);
          tell(`${round}/${rounds} ${name}: ${((serversCpuSeconds * 1e6) / writes).toFixed(0)} µs per write`);
        }
      }
      const bytes = new Map<string, number>();
      for (const [name, fleet] of fleets) bytes.set(name, await bytesPerClaim(fleet));
      const rows = BOARDS.map(([name]) => ({
        system: name,
        cpu: cpu.spread(name),
        valkey: valkeyCpu.spread(name),
        bytes: bytes.get(name) ?? null,
      }));
      const ratio = (name: string) => cpu.spread(name).median / cpu.spread(PLAIN).median;
      return {
        method: `Each board has two instances, a Valkey of its own and 40 clients that watch it; ${RATE} writes/s for ${seconds} s, ${rounds} alternating rounds. CPU of instances and Valkey, divided by the writes.`,
        columns: {
          system: "board",
          cpu: "CPU per write, µs",
          valkey: "Valkey's share of it, µs",
          bytes: "Valkey's memory per claim, bytes",
        },
        rows,
        targets: [
          atMost(1.3, "×", "CPU of a claim without an end, relative to a plain write", ratio(KEPT)),
          atMost(1.3, "×", "CPU of a claim that is held, relative to a plain write", ratio(HELD)),
        ],
        notes: [`Two plain boards differ by ${(Math.abs(ratio(AGAIN) - 1) * 100).toFixed(1)} %.`],
      };
    } finally {
      await Promise.all(fleets.map(([, fleet]) => fleet.stop()));
    }
  },
};

/** Bytes of Valkey's memory for the owner of a cell; 0 on a plain board. */
async function bytesPerClaim(fleet: Fleet): Promise<number> {
  const connection = await Resp.connect(fleet.valkey.port);
  try {
    const key = new Names().page({ board: "main", page: 0 }).claims;
    const count = Number(await connection.command("HLEN", key));
    return count === 0 ? 0 : Number(await connection.command("MEMORY", "USAGE", key, "SAMPLES", 0)) / count;
  } finally {
    connection.close();
  }
}
