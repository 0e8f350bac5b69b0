/*
 * `npm run bench:peers`: every scenario, each answering one question with a ratio, into results/. All of it takes about
 * twelve minutes on two cores, `--quick` about three, for a look; `--only a,b` runs some; `--list` names them.
 *
 *     npm run bench:peers -- [--quick] [--only cpu-200,knee] [--list]
 */

import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { isMet, type Outcome, show } from "./load/outcome.js";
import { scenarios } from "./scenarios/all.js";

const RESULTS = fileURLToPath(new URL("results/", import.meta.url));
const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    list: { type: "boolean", default: false },
  },
});
const only = values.only?.split(",");
const unknown = only?.filter((name) => !scenarios.some((scenario) => scenario.name === name)) ?? [];
if (values.list || unknown.length > 0) {
  for (const name of unknown) process.stderr.write(`there is no scenario ${name}\n`);
  process.stdout.write(`${scenarios.map(({ name }) => name).join("\n")}\n`);
  process.exit(unknown.length > 0 ? 2 : 0);
}

const said = (command: string, ...args: string[]) => String(spawnSync(command, args).stdout ?? "").trim();
const machine = {
  system: `${type()} ${release()}`,
  cpu: cpus()[0]?.model ?? "unknown",
  cores: cpus().length,
  memoryGiB: Math.round(totalmem() / 2 ** 30),
};
const versions = {
  node: process.version,
  valkey: /v=(\S+)/.exec(said("valkey-server", "--version"))?.[1] ?? "unknown",
};
const commit =
  said("git", "rev-parse", "--short=12", "HEAD") + (said("git", "status", "--porcelain", "src") ? ", changed" : "");

let failures = 0;
mkdirSync(RESULTS, { recursive: true });
for (const { name, run } of scenarios) {
  if (only && !only.includes(name)) continue;
  const startMs = performance.now();
  process.stderr.write(`── ${name}\n`);
  try {
    const outcome = await run({ isQuick: values.quick, tell: (line) => process.stderr.write(`   ${line}\n`) });
    const record = { date: new Date().toISOString(), commit, isQuick: values.quick, machine, versions, ...outcome };
    writeFileSync(`${RESULTS}${name}.json`, `${JSON.stringify(record, null, 2)}\n`);
    print(outcome, (performance.now() - startMs) / 1_000);
  } catch (error) {
    failures++;
    process.stderr.write(`   ${name} failed: ${error instanceof Error ? error.stack : error}\n`);
  }
}
process.exit(failures > 0 ? 1 : 0);

function print({ name, question, columns, rows, targets, notes }: Outcome, seconds: number): void {
  const lines = [`\n${name}: ${question}`, columns.map(({ label }) => label).join(" | ")];
  for (const row of rows) lines.push(columns.map(({ key }) => show(row[key])).join(" | "));
  for (const target of targets) {
    const { text, measured, bound, sense, unit } = target;
    lines.push(`  ${isMet(target) ? "met" : "NOT MET"}: ${text}: ${show(measured)} ${unit}, ${sense} ${show(bound)}`);
  }
  lines.push(...notes.map((note) => `  ${note}`), `  (${seconds.toFixed(0)} s)`, "");
  process.stdout.write(lines.join("\n"));
}
