/* Both sides as processes, to be measured by the benchmark harness or killed. */

import { ours } from "../../bench/load/ours.js";
import { bitmapUnder, teaching } from "../../bench/load/per-change.js";
import type { System } from "../../bench/load/system.js";
import { MAIN, program } from "../../test/support/program.js";
import { BITS_KEY } from "./naive/bitmap.js";

const NAIVE = program("examples/tutorial/naive/serve.ts");

export const naiveSystem: System = {
  ...teaching,
  name: "naive",
  args: (valkey, cells) => [...NAIVE, valkey.url, String(cells)],
  stored: bitmapUnder(BITS_KEY),
};

/** Runs from the sources, so no build is needed. */
export function ourSystem(cells: number): System {
  return { ...ours(cells), args: () => [...MAIN, "serve"] };
}
