/* `socketscaler bench URL…`: runs a scenario. Exit code 1 if clients and store differ. */

import { writeFileSync } from "node:fs";
import { htmlReport } from "../bench/html.js";
import type { Second } from "../bench/recorder.js";
import { runBench } from "../bench/run.js";
import type { Scenario } from "../bench/scenario.js";
import { resultTable, secondLine } from "../bench/terminal.js";

const EXIT_WRONG = 1;

export async function bench(
  scenario: Scenario,
  files: { json?: string | undefined; html?: string | undefined },
): Promise<void> {
  const result = await runBench(scenario, progress(scenario.clients));
  process.stdout.write(`${resultTable(result)}\n`);
  if (files.json) writeFileSync(files.json, `${JSON.stringify(result, null, 2)}\n`);
  if (files.html) writeFileSync(files.html, htmlReport(result));
  if (!result.verdict.ok) process.exitCode = EXIT_WRONG;
}

/** On a terminal, one line that is overwritten; elsewhere, one line a second. */
function progress(clients: number): (second: Second) => void {
  const { isTTY, columns } = process.stderr;
  return (second) => {
    const line = secondLine(second, clients);
    process.stderr.write(isTTY ? `\r\x1b[K${line.slice(0, columns - 1)}` : `${line}\n`);
  };
}
