/* Question: can one instance serve 10,000 clients and 50 writes/s, and how long does a click take? */

import { faultsOf, gapNotes } from "../load/correctness.js";
import { Fleet } from "../load/fleet.js";
import { oursOn } from "../load/ours.js";
import { atLeast, type Scenario } from "../load/outcome.js";

const RATE = 50;
const CELLS = 10_000;
/** One address may otherwise have half of the connections for which the system has descriptors. */
const ONE_ADDRESS = { TRUSTED_PROXIES: "loopback" };

export const manyIdle: Scenario = {
  name: "many-idle",
  question: "Can one instance serve 10,000 clients and 50 writes/s?",
  run: async ({ isQuick }) => {
    const clients = isQuick ? 2_000 : 10_000;
    const fleet = await Fleet.start(oursOn(`main=${CELLS}`, ONE_ADDRESS), { servers: 1, clients, cells: CELLS });
    try {
      await fleet.run(RATE, 2);
      const run = await fleet.run(RATE, isQuick ? 4 : 15);
      const judged = await fleet.judge();
      const equal = clients - judged.divergedClients - judged.brokenConnections;
      const row = {
        system: "SocketScaler",
        clients,
        cpu: (run.serversCpuSeconds / run.seconds) * 100,
        p50: run.p50,
        p99: run.p99,
        framesPerSecond: run.frames / run.seconds,
        delivered: `${((run.delivered / run.expected) * 100).toFixed(2)} %`,
        ...judged,
      };
      return {
        method: `${clients.toLocaleString("en-US")} clients in one other process, which also writes. Every change is timed at every client.`,
        columns: {
          clients: "clients",
          cpu: "server's CPU, % of a core",
          p50: "click → client p50, ms",
          p99: "p99, ms",
          framesPerSecond: "frames/s",
          delivered: "delivered",
          lostWrites: "lost writes",
          divergedClients: "diverged clients",
        },
        rows: [row],
        targets: [atLeast(clients, "", "clients that are connected and equal to the store", equal)],
        notes: gapNotes(row.system, judged),
        faults: faultsOf(row.system, judged),
      };
    } finally {
      await fleet.stop();
    }
  },
};
