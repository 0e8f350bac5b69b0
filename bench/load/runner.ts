/*
 * Runs scenarios from the command line. The exit code is 1 if a scenario could not run or found a
 * fault of SocketScaler. A missed target is a finding, not a failure.
 */

import { parseArgs } from "node:util";
import { isMet, type Outcome, outcomeOf, type Scenario, show } from "./outcome.js";
import { record } from "./results.js";

interface Surroundings {
  readonly args: readonly string[];
  readonly record: (outcome: Outcome) => void;
  readonly print: (text: string) => void;
  readonly tell: (line: string) => void;
}

const NOT_WARM = "--quick: one short round of servers that are not warmed up. These numbers measure nothing.";

const COMMAND_LINE: Surroundings = {
  args: process.argv.slice(2),
  record,
  print: (text) => void process.stdout.write(text),
  tell: (line) => void process.stderr.write(`${line}\n`),
};

export async function runScenarios(
  scenarios: readonly Scenario[],
  { args, record, print, tell }: Surroundings = COMMAND_LINE,
): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: "boolean", default: false },
      only: { type: "string" },
      list: { type: "boolean", default: false },
    },
  });
  const only = values.only?.split(",");
  const unknown = only?.filter((name) => !scenarios.some((scenario) => scenario.name === name)) ?? [];
  if (values.list || unknown.length > 0) {
    for (const name of unknown) tell(`There is no scenario "${name}". These are all:`);
    const width = Math.max(...scenarios.map(({ name }) => name.length));
    for (const { name, question } of scenarios) print(`${name.padEnd(width)}  ${question}\n`);
    return unknown.length > 0 ? 2 : 0;
  }
  let failures = 0;
  for (const scenario of scenarios) {
    const { name } = scenario;
    if (only && !only.includes(name)) continue;
    const startMs = performance.now();
    tell(`── ${name}`);
    try {
      const settings = { isQuick: values.quick, tell: (line: string) => tell(`   ${line}`) };
      const outcome = outcomeOf(scenario, await scenario.run(settings));
      const faults = outcome.faults ?? [];
      print(textOf(outcome, (performance.now() - startMs) / 1_000));
      if (values.quick) print(`  ${NOT_WARM}\n`);
      for (const fault of faults) tell(`   ${name} failed: ${fault}`);
      if (faults.length > 0) failures++;
      else if (!values.quick) record(outcome);
    } catch (error) {
      failures++;
      tell(`   ${name} failed: ${error instanceof Error ? error.stack : error}`);
    }
  }
  return failures > 0 ? 1 : 0;
}

function textOf({ name, question, columns, rows, targets, notes }: Outcome, seconds: number): string {
  const lines = [`\n${name}: ${question}`, columns.map(({ label }) => label).join(" | ")];
  for (const row of rows) lines.push(columns.map(({ key }) => show(row[key])).join(" | "));
  for (const target of targets) {
    const { text, measured, bound, sense, unit, stretch } = target;
    const beyond = stretch === undefined ? "" : `, stretch goal ${show(stretch)}`;
    const met = isMet(target) ? "met" : "NOT MET";
    lines.push(`  ${met}: ${text}: ${show(measured)} ${unit}, ${sense} ${show(bound)}${beyond}`);
  }
  lines.push(...notes.map((note) => `  ${note}`), `  (${seconds.toFixed(0)} s)`, "");
  return lines.join("\n");
}
