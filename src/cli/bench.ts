/*
 * `socketscaler bench [URL…]`: runs a scenario, on instances of its own if no URL is given. Exit
 * code 1 if clients and store differ.
 */

import { writeFileSync } from "node:fs";
import { DeploymentUnusable } from "../bench/deployment.js";
import { htmlReport } from "../bench/html.js";
import type { Second } from "../bench/recorder.js";
import { runBench } from "../bench/run.js";
import type { Scenario } from "../bench/scenario.js";
import { number, resultTable, secondLine } from "../bench/terminal.js";
import { filesMax } from "../server/open-files.js";
import { OwnInstances } from "./own-instances.js";

const EXIT_WRONG = 1;
/** Files that this process needs besides those of its clients. */
const FILES_SPARE = 100;

export async function bench(
  asked: Scenario,
  files: { json?: string | undefined; html?: string | undefined },
  env: NodeJS.ProcessEnv,
): Promise<void> {
  checkFiles(asked.clients + asked.viewers);
  const { own, scenario } =
    asked.urls.length > 0 ? { own: undefined, scenario: asked } : await OwnInstances.start(asked, env);
  try {
    const result = await runBench(scenario, progress(scenario.clients + scenario.viewers));
    process.stdout.write(`${resultTable(result)}\n`);
    if (files.json) writeFileSync(files.json, `${JSON.stringify(result, null, 2)}\n`);
    if (files.html) writeFileSync(files.html, htmlReport(result));
    if (!result.verdict.ok) process.exitCode = EXIT_WRONG;
  } finally {
    await own?.stop();
  }
}

/** Each client takes a file. Those past the limit would fail for no visible reason. */
function checkFiles(clients: number): void {
  const most = filesMax() ?? Number.POSITIVE_INFINITY;
  const needed = clients + FILES_SPARE;
  if (needed <= most) return;
  throw new DeploymentUnusable(
    `${number(clients)} clients need ${number(needed)} open files, but this process may open only ${number(most)}. ` +
      `Raise the limit with ulimit -n ${needed}, or run the bench on several machines`,
  );
}

/** On a terminal, one line that is overwritten; elsewhere, one line a second. */
function progress(clients: number): (second: Second) => void {
  const { isTTY, columns } = process.stderr;
  return (second) => {
    const line = secondLine(second, clients);
    process.stderr.write(isTTY ? `\r\x1b[K${line.slice(0, columns - 1)}` : `${line}\n`);
  };
}
