/*
 * Question: are the counts of the overview those of the bits after a million random writes all over a board of a billion
 * cells, with an instance and a primary killed on the way, and how soon?
 *
 * Three instances on a cluster of three primaries with a replica each; one instance and one primary are killed with
 * SIGKILL under the load. The pages' BITCOUNT is compared with what clients on the others show.
 *
 *     npm run bench:drift -- [writes]
 */

import { drift } from "../test/support/drift.js";
import { Random } from "../test/support/random.js";

const writes = Number(process.argv[2] ?? 1_000_000);
const said = (line: string) => void process.stderr.write(`${line}\n`);
const { total, pages, writeSeconds, levelSeconds, refused } = await drift({
  size: 1_000_000_000,
  writes,
  pages: 300,
  writers: 6,
  random: new Random(Date.now() % 1_000_000),
  said,
});
process.stdout.write(
  `${writes} random writes in ${writeSeconds.toFixed(0)} s on ${pages} pages of 15,259, ${refused} refused, an instance and a primary killed on the way\n` +
    `total and every page equal BITCOUNT: ${total} checked; ${levelSeconds.toFixed(1)} s after the last write at the latest\n`,
);
