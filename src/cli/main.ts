#!/usr/bin/env node
/* The command `socketscaler`: reads options, runs a command, and says in one line what went wrong if it cannot. */

import { readFileSync } from "node:fs";
import { Command, CommanderError, Option } from "commander";
import { DeploymentUnusable } from "../bench/deployment.js";
import { BadScenario, readScenario, SCENARIO_OPTIONS } from "../bench/scenario.js";
import { BadOption, type Config, type Flags, flagOf, OPTIONS, readConfig } from "../server/config.js";
import { StoreAway, StoreUnusable } from "../store/store.js";
import { BadFile } from "../store/transfer/board-file.js";
import { bench } from "./bench.js";
import { demo } from "./demo.js";
import { doctor } from "./doctor.js";
import { serve } from "./serve.js";
import { exportTo, importFrom } from "./transfer.js";

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
let isSaid = false;

const program = new Command("socketscaler")
  .description("A shared live board of checkboxes, right on any number of instances.")
  .version(version())
  .exitOverride()
  .configureHelp({ showGlobalOptions: true });

const { valkeyUrl, valkeyCa, valkeyCert, valkeyKey, valkeyNatMap, keyPrefix } = OPTIONS;
const { sentinelUsername, sentinelPassword } = OPTIONS;
const { dataDir, boards, durabilities, durabilityWaitMs } = OPTIONS;
const TLS_OPTIONS = [valkeyCa, valkeyCert, valkeyKey];
const VALKEY_OPTIONS = [valkeyUrl, ...TLS_OPTIONS, valkeyNatMap, keyPrefix, sentinelUsername, sentinelPassword];
const STORE_OPTIONS = [...VALKEY_OPTIONS, dataDir, boards, durabilities, durabilityWaitMs];

command("serve", "run one instance", serve);
command("demo", "run four instances on four ports (8000 to 8003) in one process", demo);
command("doctor", "check a deployment, as these options and the URLs of instances name it", (config, { args }) =>
  doctor(config, args),
).argument("[url...]", "URLs of instances, or of the balancer before them");
benchCommand();
const BOARD = ["--board <name>", "the board", "main"] as const;
command("export", "write a board to a file, or to standard output", exportTo, STORE_OPTIONS)
  .option(...BOARD)
  .option("--out <file>", "a file that is not there yet")
  .option("--from-page <number>", "leave out the pages before this one", "0");
command("import", "set a board to what a file holds, while it is served or not", importFrom, STORE_OPTIONS)
  .argument("<file>", "as `export` wrote it, or - for standard input")
  .option(...BOARD);

let isServing = false;
process.stdout.on("error", (error) => {
  // A command whose result could not be written has failed; an instance goes on.
  if (!isServing) process.exitCode = explain(error);
});
// There is nowhere left to say it.
process.stderr.on("error", () => undefined);
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = explain(error);
}

/** What a command was given beside the options of the table. */
interface Choice {
  readonly board: string;
  readonly out: string | undefined;
  readonly fromPage: string;
  readonly file: string;
  readonly args: readonly string[];
}

function command(
  name: string,
  description: string,
  run: (config: Config, choice: Choice) => Promise<void>,
  options: readonly (typeof OPTIONS)[keyof typeof OPTIONS][] = Object.values(OPTIONS),
): Command {
  const command = program.command(name).description(description);
  for (const option of options) {
    const fallback = option.fallback === undefined || option.fallback === "" ? "" : ` (default: ${option.fallback})`;
    const also = option.alsoEnv ? `, ${option.alsoEnv}` : "";
    const flag = new Option(
      `${flagOf(option)} <${option.placeholder}>`,
      `${option.help}${fallback} [${option.env}${also}]`,
    );
    command.addOption(flag);
  }
  return command.action(() => {
    const { args } = command;
    const flags: Record<string, string | undefined> = {};
    for (const option of options) {
      const value: unknown = command.getOptionValue(attributeOf(option.env));
      if (typeof value === "string") flags[option.env] = value;
    }
    const { board = "", out, fromPage = "0" } = command.opts<Partial<Choice>>();
    isServing = name === "serve" || name === "demo";
    return run(readConfig(flags satisfies Flags, process.env), { board, out, fromPage, file: args[0] ?? "", args });
  });
}

function benchCommand(): void {
  const command = program
    .command("bench")
    .description("put load on a running deployment, measure it, and check that every client equals the store")
    .argument("<url...>", "instances of one deployment; clients are dealt to them in turn")
    .configureHelp({ showGlobalOptions: false });
  for (const [name, { flag, placeholder, help, fallback }] of Object.entries(SCENARIO_OPTIONS)) {
    const option = new Option(`${flag} <${placeholder}>`, `${help} (default: ${fallback})`);
    // The table's own name, where commander would make one of the flag.
    option.attributeName = () => name;
    command.addOption(option);
  }
  command
    .option("--find-max", "raise the rate until the bound of --p99 is passed, and report the highest that was borne")
    .option("--json <file>", "write the result as JSON")
    .option("--html <file>", "write the result as a page with charts")
    .action((urls: string[], { findMax, json, html, ...flags }) =>
      bench(readScenario(urls, flags, findMax === true), { json, html }),
    );
}

/** Commander's name for the value of a flag: `writesPerSecond` for WRITES_PER_SECOND. */
function attributeOf(env: string): string {
  return env.toLowerCase().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** Says what is wrong and gives the exit code; what nobody foresaw is shown whole. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (error instanceof BadOption) return say(error.message, EXIT_USAGE);
  if (error instanceof BadScenario) return say(error.message, EXIT_USAGE);
  if (error instanceof DeploymentUnusable) return say(error.message, EXIT_FAILED);
  if (error instanceof StoreUnusable) return say(error.message, EXIT_FAILED);
  if (error instanceof BadFile) return say(error.message, EXIT_FAILED);
  if (error instanceof StoreAway) return say(`the store does not answer: ${error.message}`, EXIT_FAILED);
  if (isSystemError(error)) return say(systemWords(error), EXIT_FAILED);
  throw error;
}

/** What the machine refused: a file, a port, a disk. */
interface SystemError extends Error {
  readonly code: string;
  readonly syscall: string;
  readonly path?: string;
  readonly port?: number;
}

function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && "syscall" in error && "code" in error && /^E[A-Z0-9]+$/.test(String(error.code));
}

function systemWords({ code, syscall, path, port, message }: SystemError): string {
  if (code === "EADDRINUSE") return `port ${port} is in use: end what uses it, or choose another PORT`;
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND")
    return "HOST is not an address of this machine: choose another, or leave it out";
  if (code === "EACCES" && port !== undefined) {
    return `port ${port} may not be used by this user: choose a PORT above 1023`;
  }
  const file = path === undefined ? "" : ` (${path})`;
  if (code === "EPIPE") return "the output was closed before everything was written to it";
  if (code === "ENOSPC" || code === "EDQUOT")
    return `no room left on the disk${file}: the output is incomplete. Free some space, and run it again`;
  if (code === "EEXIST") return `the file is there already: choose another, or remove it`;
  if (code === "ENOENT") return `there is no such file${file}`;
  if (code === "EISDIR") return `this is a folder: name a file${file}`;
  if (code === "EACCES" || code === "EPERM") return `permission denied: check the rights on the file${file}`;
  return `${syscall} failed: ${message}`;
}

/** Once: an output that fails is heard of by its stream and by what wrote to it. */
function say(message: string, exitCode: number): number {
  if (!isSaid) process.stderr.write(`socketscaler: ${message}\n`);
  isSaid = true;
  return exitCode;
}

function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const parsed: unknown = JSON.parse(text);
  return typeof parsed === "object" && parsed !== null && "version" in parsed ? String(parsed.version) : "unknown";
}
