/*
 * Question: do the counts of the overview match the bits after a million random writes all over a
 * board of a billion cells, with an instance and a primary killed on the way, and how soon?
 *
 * Three instances on a cluster of three primaries with one replica each. The BITCOUNT of every page
 * is compared with the counts that clients of the surviving instance show.
 */

import { drift as measureDrift } from "../../../test/support/drift.js";
import { Random } from "../../../test/support/random.js";
import type { Scenario } from "../../load/outcome.js";

export const drift: Scenario = {
  name: "drift",
  question: "How soon do the counts of the overview match the bits after kills under load?",
  run: async ({ isQuick, tell }) => {
    const writes = isQuick ? 20_000 : 1_000_000;
    const random = new Random(Date.now() % 1_000_000);
    const found = await measureDrift({ size: 1_000_000_000, writes, pages: 300, writers: 6, random, said: tell });
    return {
      method: `${writes.toLocaleString("en-US")} random writes on ${found.pages} pages of 15,259; an instance and a primary are killed on the way. The scenario fails if a count never matches.`,
      columns: {
        total: "checked cells, the same in all counts",
        levelSeconds: "counts right after the last write, s",
        writeSeconds: "writing, s",
        refused: "refused writes",
      },
      rows: [{ ...found }],
    };
  },
};
