/*
 * `npm test`: everything that must hold. Lint and format, types, the build, then all tests on Node's own runner. Names
 * of test files may be given to run only those.
 */

import { spawnSync } from "node:child_process";
import { readdirSync } from "node:fs";
import { join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureRequirements } from "./requirements.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const TEST_MS_MAX = 120_000;

ensureRequirements();
const named = process.argv.slice(2);
if (named.length === 0) step("lint and format", ["node_modules/@biomejs/biome/bin/biome", "check", "."]);
step("types and build", ["scripts/build.mjs"]);
const files = named.length > 0 ? named : findTests(join(root, "test"));
step("tests", ["--import", "tsx", "--test", `--test-timeout=${TEST_MS_MAX}`, "--test-concurrency=2", ...files]);

function step(name, args) {
  process.stderr.write(`\n── ${name}\n`);
  const { status } = spawnSync(process.execPath, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) {
    process.stderr.write(`\n${name} failed\n`);
    process.exit(status ?? 1);
  }
}

function findTests(folder) {
  return readdirSync(folder, { recursive: true })
    .map(String)
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => relative(root, join(folder, name)))
    .sort();
}
