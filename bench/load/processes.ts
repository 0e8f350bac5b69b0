/* Processes that end with the benchmark, and their cost by the operating system's account. */

import { type ChildProcess, fork, type Serializable, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { findServer } from "../../src/cli/lab/servers.js";
import { type ServerProcess, startServer } from "../../test/support/valkey-server.js";
import type { System } from "./system.js";

const running = new Set<number>();

process.on("exit", () => {
  for (const pid of running) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended already.
    }
  }
});
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(1));

export interface Running {
  readonly url: string;
  readonly pid: number;
  stop(): Promise<void>;
}

/** Starts a program that prints `port N`, or logs `http://localhost:N`, when it serves. */
export async function start(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Running> {
  const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ["ignore", "pipe", "inherit"] });
  const { pid } = child;
  if (pid === undefined) throw new Error(`${command} cannot be started`);
  running.add(pid);
  const port = await servingPort(child, `${command} ${args.join(" ")}`);
  return { url: `http://127.0.0.1:${port}`, pid, stop: () => end(child, pid) };
}

export function startSystem(
  { args, env }: System,
  valkey: ServerProcess,
  cells: number,
  nodeFlags: readonly string[] = [],
): Promise<Running> {
  return start(process.execPath, [...nodeFlags, ...args(valkey, cells)], env?.(valkey, cells));
}

/** Redis, if this machine has no Valkey. */
export async function startValkey(settings: readonly string[] = []): Promise<ServerProcess> {
  const valkey = await startServer(findServer() ?? "valkey-server", settings);
  running.add(valkey.pid);
  return valkey;
}

/** Starts a file next to `from` with Node's IPC; resolves after its first message. */
export async function startChild(file: string, from: string, ...args: readonly string[]): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL(file, from)), args, { execArgv: ["--import", "tsx"] });
  if (child.pid !== undefined) running.add(child.pid);
  await once(child, "message");
  return child;
}

/** Sends a child a message, and resolves with its next one. */
export async function ask(child: ChildProcess, message: Serializable): Promise<unknown> {
  const answered = once(child, "message");
  child.send(message);
  const [answer] = await answered;
  return answer;
}

const TICKS_PER_SECOND = 100;

/** CPU seconds used so far and memory now, of any process (Linux). */
export function usage(pid: number | undefined): { readonly cpuSeconds: number; readonly residentBytes: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  const [user = 0, system = 0] = fields.slice(11, 13).map(Number);
  const [, kilobytes = 0] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return { cpuSeconds: (user + system) / TICKS_PER_SECOND, residentBytes: Number(kilobytes) * 1_024 };
}

export function cpuSeconds(pids: readonly (number | undefined)[]): number {
  return pids.reduce<number>((sum, pid) => sum + usage(pid).cpuSeconds, 0);
}

function servingPort(child: ChildProcess, name: string): Promise<number> {
  return new Promise((done, fail) => {
    child.once("exit", (code) => fail(new Error(`${name} ended at start with ${code}`)));
    if (!child.stdout) return;
    createInterface(child.stdout).on("line", (line) => {
      const port = /^port (\d+)$|"url":"http:\/\/localhost:(\d+)"/.exec(line);
      if (port) done(Number(port[1] ?? port[2]));
    });
  });
}

async function end(child: ChildProcess, pid: number): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  }
  running.delete(pid);
}
