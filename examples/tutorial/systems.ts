/* Both sides as processes, to be measured by the benchmark harness or killed. */

import { ours } from "../../bench/load/ours.js";
import { bitmapUnder, teaching } from "../../bench/load/per-change.js";
import type { System } from "../../bench/load/system.js";
import { MAIN, program } from "../../test/support/program.js";
import { BITS_KEY } from "./naive/bitmap.js";

const NAIVE = program("examples/tutorial/naive/serve.ts");

/** `exercise` is the file of a learner's server, which takes the place of bitmap.ts. */
export function naiveSystem(exercise?: string): System {
  // The learner's file is TypeScript, whatever this program is.
  const loader = exercise === undefined ? [] : ["--import", "tsx"];
  const more = exercise === undefined ? [] : [exercise];
  return {
    ...teaching,
    name: "naive",
    args: (valkey, cells) => [...loader, ...NAIVE, valkey.url, String(cells), ...more],
    stored: bitmapUnder(BITS_KEY),
  };
}

/** Runs from the sources, so no build is needed. */
export function ourSystem(cells: number): System {
  return { ...ours(cells), args: () => [...MAIN, "serve"] };
}
