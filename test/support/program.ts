/*
 * Programs of this project as processes of their own. A full test run has compiled everything and says where: then Node
 * runs the compiled form, which starts in half the time. A single test runs the source.
 */

import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** What Node is given to run `source`, a path below the project's folder. */
export function program(source: string): string[] {
  const compiled = process.env.COMPILED_TESTS;
  return compiled ? [join(compiled, source.replace(/\.tsx?$/, ".js"))] : ["--import", "tsx", join(root, source)];
}

export const MAIN = program("src/cli/main.ts");
