/* Runs scenarios from the command line: all, some with `--only a,b`, short with `--quick`; `--list` names them. Gives the code to end with. */

import { parseArgs } from "node:util";
import { isMet, type Outcome, type Scenario, show } from "./outcome.js";
import { record } from "./results.js";

export async function runScenarios(scenarios: readonly Scenario[]): Promise<number> {
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
    return unknown.length > 0 ? 2 : 0;
  }
  let failures = 0;
  for (const { name, run } of scenarios) {
    if (only && !only.includes(name)) continue;
    const startMs = performance.now();
    process.stderr.write(`── ${name}\n`);
    try {
      const outcome = await run({
        isQuick: values.quick,
        tell: (line) => void process.stderr.write(`   ${line}\n`),
      });
      record(outcome, values.quick);
      print(outcome, (performance.now() - startMs) / 1_000);
    } catch (error) {
      failures++;
      process.stderr.write(`   ${name} failed: ${error instanceof Error ? error.stack : error}\n`);
    }
  }
  return failures > 0 ? 1 : 0;
}

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
