#!/usr/bin/env node
/*
 * The command `socketscaler`: reads options, runs a command, and reports a failure in one line.
 * Each command loads only what it needs, because most of its start is loading.
 */

import { Command, CommanderError, Option } from "commander";
import { DeploymentUnusable } from "../bench/deployment.js";
import { BadScenario, readScenario, SCENARIO_OPTIONS } from "../bench/scenario.js";
import { BadAdapter, BadAnswer, BadChoice, Stopped } from "../judge/adapters/errors.js";
import { BadOption, type Config, type Flags, flagOf, OPTIONS, readConfig } from "../server/config.js";
import { VERSION } from "../server/telemetry/version.js";
import { StoreAway, StoreUnusable } from "../store/store.js";
import { BadFile } from "../store/transfer/board-file.js";
import type { TransferChoice } from "./transfer.js";

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
/** Errors whose messages are for the person at the terminal. */
const REPORTED = [DeploymentUnusable, StoreUnusable, BadFile, BadAnswer, Stopped];
const MISUSES = [BadOption, BadScenario, BadChoice, BadAdapter];
let isReported = false;

const program = new Command("socketscaler")
  .description("A shared live board of checkboxes that stays correct on any number of instances.")
  .version(VERSION)
  .exitOverride()
  .configureHelp({ showGlobalOptions: true });

const { valkeyUrl, valkeyCa, valkeyCert, valkeyKey, valkeyNatMap, keyPrefix } = OPTIONS;
const { sentinelUsername, sentinelPassword } = OPTIONS;
const { dataDir, boards, claims, durabilities, durabilityWaitMs } = OPTIONS;
const TLS_OPTIONS = [valkeyCa, valkeyCert, valkeyKey];
const VALKEY_OPTIONS = [valkeyUrl, ...TLS_OPTIONS, valkeyNatMap, keyPrefix, sentinelUsername, sentinelPassword];
const STORE_OPTIONS = [...VALKEY_OPTIONS, dataDir, boards, claims, durabilities, durabilityWaitMs];

command("serve", "Run one instance, or several with --workers", async (config) => {
  const { serve } = await import("./serve.js");
  return serve(config);
});
command("demo", "Run a lab of four instances over Valkey that you can break", async (config, { plain }) => {
  const { demo } = await import("./demo.js");
  return demo(config, plain === true);
}).option("--plain", "Four instances in one process instead of the lab; they take all options, the lab only --port");
program
  .command("lab-process <options>", { hidden: true })
  .description("Run one server of the lab; the demo starts it")
  .action(async (options: string) => {
    const { labProcess } = await import("./lab/lab-process.js");
    return labProcess(options);
  });
command("doctor", "Check the configured store and the instances at the given URLs", async (config, { args }) => {
  const { doctor } = await import("./doctor.js");
  return doctor(config, args);
}).argument("[url...]", "URLs of instances or of their balancer");
benchCommand();
judgeCommand();
const BOARD = ["--board <name>", "Name of the board", "main"] as const;
const exportBoard = async (config: Config, choice: Choice) => {
  const { exportTo } = await import("./transfer.js");
  return exportTo(config, choice);
};
command("export", "Export a board to a file or to standard output", exportBoard, STORE_OPTIONS)
  .option(...BOARD)
  .option("--out <file>", "New file to write")
  .option("--from-page <number>", "First page to write (a page is a block of 65,536 cells)", "0");
const importBoard = async (config: Config, choice: Choice) => {
  const { importFrom } = await import("./transfer.js");
  return importFrom(config, choice);
};
command(
  "import",
  "Replace a board, even while it is being served, with the contents of a file",
  importBoard,
  STORE_OPTIONS,
)
  .argument("<file>", "File that `export` wrote, or - for standard input")
  .option(...BOARD);

let isServing = false;
process.stdout.on("error", (error) => {
  // A command whose result cannot be written has failed. An instance carries on.
  if (!isServing) process.exitCode = explain(error);
});
// There is nowhere left to report it.
process.stderr.on("error", () => undefined);
try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = explain(error);
}

/** Arguments and options of a command that are not in OPTIONS. */
interface Choice extends TransferChoice {
  readonly args: readonly string[];
  readonly plain?: boolean | undefined;
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
    const { board = "", out, fromPage = "0", plain } = command.opts<Partial<Choice>>();
    isServing = name === "serve" || name === "demo";
    return run(readConfig(flags satisfies Flags, process.env), {
      board,
      out,
      fromPage,
      plain,
      file: args[0] ?? "",
      args,
    });
  });
}

function benchCommand(): void {
  const command = program
    .command("bench")
    .description("Put load on a running deployment, measure it, and check that every client matches the store")
    .argument(
      "[url...]",
      "Instances of one deployment; clients are assigned to them in turn. Without any, the bench starts an instance itself",
    )
    .configureHelp({ showGlobalOptions: false });
  for (const [name, { flag, placeholder, help, fallback }] of Object.entries(SCENARIO_OPTIONS)) {
    const option = new Option(`${flag} <${placeholder}>`, fallback ? `${help} (default: ${fallback})` : help);
    // The name in the table, instead of the one that Commander would derive from the flag.
    option.attributeName = () => name;
    command.addOption(option);
  }
  command
    .option("--find-max", "Search for the highest write rate whose p99 stays within --p99")
    .option("--json <file>", "JSON file for the result")
    .option("--html <file>", "HTML file for the result, with charts")
    .action(async (urls: string[], { findMax, json, html, ...flags }) => {
      const scenario = readScenario(urls, flags, findMax === true);
      const { bench } = await import("./bench.js");
      return bench(scenario, { json, html }, process.env);
    });
}

function judgeCommand(): void {
  program
    .command("judge")
    .description(
      "Judge any board of checkboxes, even one that somebody else wrote: which clicks does it lose, and why?",
    )
    .argument("<url...>", "The board, or all instances of one board")
    .configureHelp({ showGlobalOptions: false })
    .option("--adapter <file>", "Module that translates the board's protocol (default: the teaching protocol)")
    .option("--hostile", "A few small messages that are not clicks, in addition to the clicks")
    .option("--yes", "No confirmation prompt if the host is not this machine")
    .option("--json <file>", "JSON file for the result")
    .option("--html <file>", "HTML file for the result, to share")
    .action(async (urls: string[], choice) => {
      const { judge } = await import("./judge.js");
      return judge(urls, choice);
    });
}

/** Commander's name for the value of a flag: `writesPerSecond` for WRITES_PER_SECOND. */
function attributeOf(env: string): string {
  return env.toLowerCase().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** Reports the error in one line and returns the exit code; rethrows an unexpected one. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (error instanceof Error && MISUSES.some((kind) => error instanceof kind)) return report(error.message, EXIT_USAGE);
  if (error instanceof StoreAway)
    return report(`the store is unavailable (${error.message}): check it with doctor, then try again`, EXIT_FAILED);
  if (error instanceof Error && REPORTED.some((kind) => error instanceof kind))
    return report(error.message, EXIT_FAILED);
  if (isSystemError(error)) return report(systemWords(error), EXIT_FAILED);
  throw error;
}

/** The system refused access to a file, a port or disk space. */
type SystemError = NodeJS.ErrnoException & { readonly port?: number };

function isSystemError(error: unknown): error is SystemError {
  return error instanceof Error && "syscall" in error && "code" in error && /^E[A-Z0-9]+$/.test(String(error.code));
}

function systemWords({ code, syscall, path, port, message }: SystemError): string {
  const file = path === undefined ? "" : ` (${path})`;
  const noHost = "HOST or METRICS_HOST is not an address of this machine: correct it, or leave it out";
  const full = `the disk is full${file}, so the output is incomplete: free some space and run the command again`;
  const denied =
    port === undefined
      ? `permission denied${file}: check the permissions of the file`
      : `this user may not use port ${port}: choose a port above 1023`;
  const words: Readonly<Record<string, string>> = {
    EADDRINUSE: `port ${port} is in use: stop the program that uses it, or choose another port`,
    EADDRNOTAVAIL: noHost,
    ENOTFOUND: noHost,
    EPIPE: "the output was closed before everything was written: read all of it, or write to a file",
    ENOSPC: full,
    EDQUOT: full,
    EEXIST: `the file already exists${file}: choose another name, or remove it`,
    ENOENT: `the file or its folder does not exist${file}: check the path`,
    EISDIR: `this is a folder${file}: name a file`,
    EACCES: denied,
    EPERM: denied,
  };
  return words[code ?? ""] ?? `${syscall} failed: ${message}`;
}

/** At most one line: the stream and the writer both report an output that fails. */
function report(message: string, exitCode: number): number {
  if (!isReported) process.stderr.write(`socketscaler: ${message}\n`);
  isReported = true;
  return exitCode;
}
