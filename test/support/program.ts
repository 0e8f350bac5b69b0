/*
 * Programs of this project as processes of their own. A run of the tests has compiled most of them (scripts/compile.mjs)
 * and says where: those start in a quarter of the time. Everything else runs from its source.
 */

import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What Node is given to run `source`, a path below the project's folder. */
export function program(source: string): string[] {
  const compiled = join(process.env.COMPILED_TESTS ?? "", source.replace(/\.tsx?$/, ".js"));
  return process.env.COMPILED_TESTS && existsSync(compiled) ? [compiled] : ["--import", "tsx", join(root, source)];
}

export const MAIN = program("src/cli/main.ts");
