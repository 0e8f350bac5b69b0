/* `npm run lint`: every check of the text of the sources. The first one that fails ends it. */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Knip reports files, exports and dependencies that nothing uses. Biome checks form and style. */
const CHECKS_UNUSED = false;

const linters = [
  ["node_modules/@biomejs/biome/bin/biome", "check", "."],
  ...(CHECKS_UNUSED ? [["node_modules/knip/bin/knip.js"]] : []),
];

for (const linter of linters) {
  const { status } = spawnSync(process.execPath, linter, { cwd: root, stdio: "inherit" });
  if (status !== 0) process.exit(status ?? 1);
}
