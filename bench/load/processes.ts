/* Processes that end with the benchmark, however it ends, and what they cost, by the operating system's account. */

import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { type ServerProcess, startServer } from "../../test/support/valkey-server.js";
import { usage } from "../process.js";

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

export async function startValkey(settings: readonly string[] = []): Promise<ServerProcess> {
  const valkey = await startServer("valkey-server", settings);
  running.add(valkey.pid);
  return valkey;
}

/** CPU seconds that these processes have used. */
export function cpuSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + usage(pid).cpuSeconds, 0);
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
    const ended = new Promise((done) => child.once("exit", done));
    child.kill("SIGKILL");
    await ended;
  }
  running.delete(pid);
}
