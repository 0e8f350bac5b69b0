/* Both sides as processes, to be measured by the benchmark harness or killed. */

import { fileURLToPath } from "node:url";
import { ours } from "../../bench/load/ours.js";
import { bitmapUnder, teaching } from "../../bench/load/per-change.js";
import type { System } from "../../bench/load/system.js";
import { BITS_KEY } from "./naive/bitmap.js";

const MAIN = fileURLToPath(new URL("../../src/cli/main.ts", import.meta.url));
const NAIVE = fileURLToPath(new URL("naive/serve.ts", import.meta.url));

export const naiveSystem: System = {
  ...teaching,
  name: "naive",
  args: (valkey, cells) => ["--import", "tsx", NAIVE, valkey.url, String(cells)],
  stored: bitmapUnder(BITS_KEY),
};

/** From its sources, so that no build is needed. */
export function ourSystem(cells: number): System {
  return { ...ours(cells), args: () => ["--import", "tsx", MAIN, "serve"] };
}
