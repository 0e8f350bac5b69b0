/* Question: what does a delta or snapshot cost a replica, on an instance or in a client? */

import { cellsInPage, PAGE_CELLS } from "../../src/board/geometry.js";
import { Replica } from "../../src/board/replica.js";
import type { Scenario } from "../load/outcome.js";
import { deltaOf, positionOf, snapshotOf } from "./pages.js";
import { microsecondsOf } from "./time.js";

export const microReplica: Scenario = {
  name: "micro-replica",
  question: "What do deltas and snapshots cost a replica?",
  run: async ({ isQuick }) => {
    const rows = [1, 32, 4_096].map((count) => {
      const cost = (visits: boolean) => {
        const replica = new Replica(0, cellsInPage(PAGE_CELLS, 0));
        // The same cells, to 1 and back to 0, so that every change changes its cell.
        const [up, down] = [deltaOf(count, 0, 1), { ...deltaOf(count, 0, 0) }];
        const visit = visits ? () => undefined : undefined;
        let version = 0;
        return microsecondsOf(() => {
          const { kind, page, changes } = version % 2 ? down : up;
          const from = positionOf(version);
          return replica.receive({ kind, page, from, to: positionOf(++version), changes }, visit);
        }, isQuick);
      };
      return { system: `delta of ${count.toLocaleString("en-US")}`, cost: cost(false), visited: cost(true) };
    });
    const duplicate = () => {
      const replica = new Replica(0, PAGE_CELLS);
      const delta = deltaOf(32);
      replica.receive(delta);
      return microsecondsOf(() => replica.receive(delta), isQuick);
    };
    const restart = (visits: boolean) => {
      const replica = new Replica(0, PAGE_CELLS);
      const some = snapshotOf(0.5);
      const other = { ...snapshotOf(0.05), position: positionOf(6) };
      let turn = 0;
      const visit = visits ? () => undefined : undefined;
      return microsecondsOf(() => replica.receive(turn++ % 2 ? some : other, visit), isQuick);
    };
    return {
      method:
        "Microseconds per call of `receive`, including the creation of the positions. In the last column, a callback receives each changed cell.",
      columns: { system: "received", cost: "µs", visited: "with a callback, µs" },
      rows: [
        ...rows,
        { system: "a duplicate", cost: duplicate(), visited: null },
        { system: "a snapshot that changes half of the page", cost: restart(false), visited: restart(true) },
      ],
    };
  },
};
