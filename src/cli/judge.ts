/*
 * `socketscaler judge URL…`: judges a board, including one that somebody else wrote. Exit code 1 if
 * anything is wrong or the board cannot be judged.
 */

import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { createInterface } from "node:readline/promises";
import { pathToFileURL } from "node:url";
import { type Adapter, readAdapter } from "../judge/adapters/adapter.js";
import { BadAdapter } from "../judge/adapters/errors.js";
import { isLocal, readUrls } from "../judge/adapters/local.js";
import { teachingProtocol } from "../judge/adapters/teaching.js";
import { judgePage } from "../judge/report/html.js";
import { announcement, isWrong, scoreCard } from "../judge/report/terminal.js";
import { runJudge } from "../judge/run.js";
import { endSoon } from "./signals.js";

const EXIT_WRONG = 1;
const EXIT_USAGE = 2;

interface JudgeChoice {
  readonly adapter?: string | undefined;
  readonly hostile?: boolean;
  readonly yes?: boolean;
  readonly json?: string | undefined;
  readonly html?: string | undefined;
}

export async function judge(given: readonly string[], choice: JudgeChoice): Promise<void> {
  const urls = readUrls(given);
  const isHostile = choice.hostile === true;
  const adapter = await openAdapter(choice.adapter);
  process.stderr.write(announcement(urls, isHostile));
  if (!urls.every(isLocal) && choice.yes !== true && !(await isAgreed())) {
    process.exitCode = EXIT_USAGE;
    return;
  }
  const stop = new AbortController();
  const onSignal = () => stop.abort();
  process.once("SIGINT", onSignal);
  process.once("SIGTERM", onSignal);
  try {
    const result = await runJudge({ urls, adapter, isHostile, signal: stop.signal, report: progress });
    progress("");
    process.stdout.write(`${scoreCard(result)}\n`);
    if (choice.json) writeFileSync(choice.json, `${JSON.stringify(result, null, 2)}\n`);
    if (choice.html) writeFileSync(choice.html, judgePage(result));
    if (isWrong(result)) process.exitCode = EXIT_WRONG;
  } finally {
    progress("");
    process.off("SIGINT", onSignal);
    process.off("SIGTERM", onSignal);
    // An adapter may have left something open.
    endSoon();
  }
}

async function openAdapter(file: string | undefined): Promise<Adapter> {
  if (file === undefined) return teachingProtocol();
  let loaded: unknown;
  try {
    loaded = await import(pathToFileURL(resolve(file)).href);
  } catch (error) {
    throw new BadAdapter(`${file} cannot be loaded: ${error instanceof Error ? error.message : String(error)}`);
  }
  return readAdapter(loaded, file);
}

/** The host may belong to others. Without a terminal there is nobody to ask. */
async function isAgreed(): Promise<boolean> {
  if (!process.stdin.isTTY) {
    process.stderr.write("The host is not this machine. If you have permission to do this there, add --yes.\n");
    return false;
  }
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const question = asking.question("The host is not this machine. May the judge do this there? [y/N] ");
    // Ctrl+C and Ctrl+D close the interface, and an unanswered question may then never settle.
    const answer = await Promise.race([question.catch(() => ""), once(asking, "close").then(() => "")]);
    return /^y(?:es)?$/i.test(answer.trim());
  } finally {
    asking.close();
  }
}

/** One line that is overwritten; an empty one at the end. */
function progress(line: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${line}`);
}
