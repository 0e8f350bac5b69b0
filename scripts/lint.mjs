/* `npm run lint`: every check of the source text. It stops at the first that fails. */

import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Biome checks form and style. Knip finds files, exports and packages that nothing uses. */
const linters = [
  ["node_modules/@biomejs/biome/bin/biome", "check", "."],
  ["scripts/prose.mjs"],
  ["node_modules/knip/bin/knip.js", "--no-progress"],
];

for (const linter of linters) {
  const { status } = spawnSync(process.execPath, linter, { cwd: root, stdio: "inherit" });
  if (status !== 0) {
    if (linter[1] === "check") console.error("`npm run format` fixes what can be fixed automatically.");
    process.exit(status ?? 1);
  }
}
