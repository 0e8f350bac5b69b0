/*
 * `npm run test:matrix`: the tests on every Node and every server that we support, one cell of the
 * matrix after another.
 *
 *     npm run test:matrix                                 all cells, all tests
 *     npm run test:matrix -- --node 22,24 --server redis  some cells
 *     npm run test:matrix -- --quick                      tests that depend on Node or the server
 *     npm run test:matrix -- test/contract/damage.test.ts these tests, in all cells
 *
 * Other versions of Node come from the registry (node-versions.mjs). A cell is `npm test` under
 * its Node, which is first in PATH and is also process.execPath. Each cell's output is in
 * .tmp/matrix.
 */

import { spawn, spawnSync } from "node:child_process";
import { createWriteStream, existsSync, mkdirSync, readFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { nodeOf } from "./node-versions.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = join(root, ".tmp", "matrix");
const NODES = ["20", "22", "24", "26"];
const SERVERS = { valkey: "valkey-server", redis: "redis-server" };
const CELL_MS_MAX = 30 * 60_000;
/** The end of a failed cell's output, which names the failures, is shown. */
const FAILURE_LINES = 60;

/** Tests of native code, the servers, the command line, and each kind of socket. */
const QUICK = [
  ...["embedded-store", "valkey-store", "freezing", "durability", "cluster-store"].map((name) => `contract/${name}`),
  ...["cli", "http", "library", "teaching", "tls", "workers"].map((name) => `integration/${name}`),
  ...["unit/server/telemetry/metrics", "unit/layers", "property/codec", "browser/page"],
].map((name) => `test/${name}.test.ts`);

for (const signal of ["SIGINT", "SIGTERM"]) process.once(signal, () => process.exit(1));
const cells = readCells(process.argv.slice(2));
mkdirSync(folder, { recursive: true });
const rows = [];
for (const { node, server, tests } of cells) {
  const row = await runCell(node, server, tests).catch((error) => failed(node, server, String(error.message ?? error)));
  rows.push(row);
  if (!row.isGood && row.log) process.stderr.write(tailOf(row.log));
  const end = row.isGood ? "passed" : `FAILED${row.why ? `: ${row.why}` : ""}`;
  console.log(`Node ${row.node}, ${row.server}: ${row.passed} of ${row.tests} ${end}, ${row.seconds} s`);
}
console.log(`\n${table(rows)}`);
process.exitCode = rows.every(({ isGood }) => isGood) ? 0 : 1;

function readCells(args) {
  const { values, positionals } = parse(args);
  const nodes = listOf(values.node, NODES, "--node");
  const servers = listOf(values.server, Object.keys(SERVERS), "--server");
  const missing = positionals.filter((file) => !existsSync(join(root, file)));
  if (missing.length > 0) giveUp(`no such file: ${missing.join(", ")}`);
  const tests = positionals.length > 0 ? positionals : values.quick ? QUICK : [];
  return servers.flatMap((server) => nodes.map((node) => ({ node, server, tests })));
}

function parse(args) {
  const options = { node: { type: "string" }, server: { type: "string" }, quick: { type: "boolean", default: false } };
  try {
    return parseArgs({ args, options, allowPositionals: true });
  } catch (error) {
    return giveUp(error.message);
  }
}

function listOf(text, known, flag) {
  const chosen = text === undefined ? known : text.split(",");
  const strange = chosen.filter((each) => !known.includes(each));
  return strange.length > 0 ? giveUp(`${flag} takes ${known.join(", ")}, not ${strange.join(", ")}`) : chosen;
}

function giveUp(message) {
  process.stderr.write(`matrix: ${message}\n`);
  process.exit(2);
}

async function runCell(major, server, tests) {
  const binary = nodeOf(major);
  const node = said(binary, "--version").replace("v", "");
  const log = join(folder, `node-${major}-${server}.log`);
  const startedMs = performance.now();
  const child = spawn(binary, ["scripts/test.mjs", ...tests], {
    cwd: root,
    env: {
      ...process.env,
      PATH: [dirname(binary), process.env.PATH].join(delimiter),
      TEST_SERVER: server,
      FORCE_COLOR: "0",
    },
    stdio: ["ignore", "pipe", "pipe"],
    // In its own process group, so that servers started by its tests end with it.
    detached: true,
  });
  const ended = new Promise((done, fail) => child.once("exit", done).once("error", fail));
  const endAll = () => process.kill(-child.pid, "SIGKILL");
  const late = setTimeout(endAll, CELL_MS_MAX);
  process.once("exit", endAll);
  const output = createWriteStream(log);
  child.stderr.pipe(output, { end: false });
  const [code] = await Promise.all([ended, pipeline(child.stdout, output)]);
  clearTimeout(late);
  process.off("exit", endAll);
  const counts = countsIn(readFileSync(log, "utf8"));
  return {
    node,
    server: versionOf(server),
    ...counts,
    seconds: Math.round((performance.now() - startedMs) / 1_000),
    // A run without tests, or with skipped tests, proves nothing.
    isGood: code === 0 && counts.tests > 0 && counts.passed === counts.tests,
    why: `${code === null ? `ended after ${CELL_MS_MAX / 60_000} minutes` : `code ${code}`}, see ${log}`,
    log,
  };
}

function failed(node, server, why) {
  return { node, server, tests: 0, passed: 0, skipped: 0, seconds: 0, isGood: false, why };
}

/** The counts that the test runner prints. */
function countsIn(text) {
  const count = (name) => Number(text.match(new RegExp(`^(?:#|ℹ) ${name} (\\d+)$`, "m"))?.[1] ?? 0);
  return { tests: count("tests"), passed: count("pass"), skipped: count("skipped") + count("todo") };
}

function tailOf(log) {
  return `${readFileSync(log, "utf8").trimEnd().split("\n").slice(-FAILURE_LINES).join("\n")}\n\n`;
}

function versionOf(server) {
  const version = /v=(\S+)/.exec(said(SERVERS[server], "--version"))?.[1] ?? "unknown";
  return `${server === "redis" ? "Redis" : "Valkey"} ${version}`;
}

function said(program, ...args) {
  const { stdout, error } = spawnSync(program, args, { encoding: "utf8" });
  if (error) throw error;
  return stdout.trim();
}

function table(all) {
  const head = "| Node | server | tests | passed | left out | seconds | |\n| --- | --- | --- | --- | --- | --- | --- |";
  const lines = all.map((row) =>
    [row.node, row.server, row.tests, row.passed, row.skipped, row.seconds, row.isGood ? "✓" : "✗"].join(" | "),
  );
  return [head, ...lines.map((line) => `| ${line} |`)].join("\n");
}
