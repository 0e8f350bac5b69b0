/*
 * Question: what does a commit cost Valkey, and what does each change in it cost?
 *
 * The difference between batches of different lengths separates the two.
 */

import { Resp } from "../../test/support/resp.js";
import { type Scenario, spreadOf } from "../load/outcome.js";
import { startValkey } from "../load/processes.js";
import { measureCommits, type Shape } from "../scenarios/commits.js";

const SHAPES: readonly Shape[] = [
  { name: "1 change", writes: 1, changes: 1, sessions: 1 },
  { name: "10 changes of 1 session", writes: 1, changes: 10, sessions: 1 },
  { name: "10 changes of 10 sessions", writes: 10, changes: 1, sessions: 10 },
  { name: "100 changes of 1 session", writes: 1, changes: 100, sessions: 1 },
  { name: "100 changes of 100 sessions", writes: 100, changes: 1, sessions: 100 },
  { name: "4,096 changes of 1 session", writes: 1, changes: 4_096, sessions: 1 },
];

export const microCommit: Scenario = {
  name: "micro-commit",
  question: "What does a commit cost Valkey, and what does each change in it cost?",
  run: async ({ isQuick }) => {
    const valkey = await startValkey();
    const connection = await Resp.connect(valkey.port);
    try {
      const rows = [];
      for (const shape of SHAPES) {
        const costs: number[] = [];
        for (let round = 0; round < (isQuick ? 1 : 3); round++) {
          costs.push(1e6 / (await measureCommits(connection, valkey.pid, shape, isQuick ? 0.5 : 1.5)));
        }
        const change = spreadOf(costs);
        rows.push({ system: shape.name, change, batch: change.median * shape.writes * shape.changes });
      }
      return {
        method: "Valkey's CPU for a call of commit.lua, without subscribers.",
        columns: { system: "batch", batch: "CPU per batch, µs", change: "CPU per change, µs" },
        rows,
      };
    } finally {
      connection.close();
      await valkey.stop();
    }
  },
};
