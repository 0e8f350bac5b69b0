#!/usr/bin/env node
/* The command `socketscaler`: reads options, runs a command, and says in one line what went wrong if it cannot. */

import { readFileSync } from "node:fs";
import { Command, CommanderError, Option } from "commander";
import { BadOption, type Config, type Flags, flagOf, OPTIONS, readConfig } from "../server/config.js";
import { StoreUnusable } from "../store/store.js";
import { demo } from "./demo.js";
import { doctor } from "./doctor.js";
import { serve } from "./serve.js";

const EXIT_FAILED = 1;
const EXIT_USAGE = 2;

const program = new Command("socketscaler")
  .description("A shared live board of checkboxes, right on any number of instances.")
  .version(version())
  .exitOverride()
  .configureHelp({ showGlobalOptions: true });

command("serve", "run one instance", serve);
command("demo", "run four instances on four ports (8000 to 8003) in one process", demo);
command("doctor", "check a deployment, as these options and the URLs of instances name it", doctor, "[url...]");

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = explain(error);
}

function command(
  name: string,
  description: string,
  run: (config: Config, args: readonly string[]) => Promise<void>,
  argument?: string,
): void {
  const command = program.command(name).description(description);
  for (const option of Object.values(OPTIONS)) {
    const fallback = option.fallback === undefined || option.fallback === "" ? "" : ` (default: ${option.fallback})`;
    const also = option.alsoEnv ? `, ${option.alsoEnv}` : "";
    const flag = new Option(
      `${flagOf(option)} <${option.placeholder}>`,
      `${option.help}${fallback} [${option.env}${also}]`,
    );
    command.addOption(flag);
  }
  if (argument !== undefined) command.argument(argument, "URLs of instances, or of the balancer before them");
  command.action(() => {
    const flags: Record<string, string | undefined> = {};
    for (const option of Object.values(OPTIONS)) {
      const value: unknown = command.getOptionValue(attributeOf(option.env));
      if (typeof value === "string") flags[option.env] = value;
    }
    return run(readConfig(flags satisfies Flags, process.env), command.args);
  });
}

/** Commander's name for the value of a flag: `writesPerSecond` for WRITES_PER_SECOND. */
function attributeOf(env: string): string {
  return env.toLowerCase().replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** Says what is wrong and gives the exit code; what nobody foresaw is shown whole. */
function explain(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : EXIT_USAGE;
  if (error instanceof BadOption) return say(error.message, EXIT_USAGE);
  if (error instanceof StoreUnusable) return say(error.message, EXIT_FAILED);
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const port = error instanceof Error && "port" in error ? error.port : "";
  if (code === "EADDRINUSE")
    return say(`port ${port} is in use: end what uses it, or choose another PORT`, EXIT_FAILED);
  if (code === "EACCES") return say(`port ${port} may not be used by this user: choose a PORT above 1023`, EXIT_FAILED);
  if (code === "EADDRNOTAVAIL" || code === "ENOTFOUND") return say("HOST is no address of this machine", EXIT_FAILED);
  throw error;
}

function say(message: string, exitCode: number): number {
  process.stderr.write(`socketscaler: ${message}\n`);
  return exitCode;
}

function version(): string {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  const parsed: unknown = JSON.parse(text);
  return typeof parsed === "object" && parsed !== null && "version" in parsed ? String(parsed.version) : "unknown";
}
