/* The naive system and SocketScaler as processes, for the benchmark harness and for steps that kill one. */

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

/** It runs without a build. */
export function ourSystem(cells: number): System {
  return { ...ours(cells), args: () => [...MAIN, "serve"] };
}
