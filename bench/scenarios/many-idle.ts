/*
 * Question: does one instance hold 10,000 clients while 50 writes a second go to all of them, and how long does a click take?
 */

import { faultsOf, gapNotes } from "../load/correctness.js";
import { Fleet } from "../load/fleet.js";
import { ours } from "../load/ours.js";
import type { Scenario } from "../load/outcome.js";

const RATE = 50;
const CELLS = 10_000;

export const manyIdle: Scenario = {
  name: "many-idle",
  run: async ({ isQuick }) => {
    const clients = isQuick ? 2_000 : 10_000;
    const fleet = await Fleet.start(ours(CELLS), { servers: 1, clients, cells: CELLS });
    try {
      await fleet.run(RATE, 2);
      const run = await fleet.run(RATE, isQuick ? 4 : 15);
      const judged = await fleet.judge();
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
        name: "many-idle",
        question: `${clients.toLocaleString("en-US")} clients and ${RATE} writes/s on one instance`,
        method: "All clients are in one other process, which also writes; every client's every change is timed.",
        columns: [
          { key: "clients", label: "clients" },
          { key: "cpu", label: "server's CPU, % of a core" },
          { key: "p50", label: "click → client p50, ms" },
          { key: "p99", label: "p99, ms" },
          { key: "framesPerSecond", label: "frames/s" },
          { key: "delivered", label: "delivered" },
          { key: "lostWrites", label: "lost writes" },
          { key: "divergedClients", label: "diverged clients" },
        ],
        rows: [row],
        targets: [
          {
            text: "clients that are connected and equal to the store",
            measured: clients - judged.divergedClients - judged.brokenConnections,
            bound: clients,
            sense: "at least",
            unit: "",
          },
        ],
        notes: gapNotes(row.system, judged),
        faults: faultsOf(row.system, judged),
      };
    } finally {
      await fleet.stop();
    }
  },
};
