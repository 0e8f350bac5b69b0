/*
 * Starts a real server, Valkey or Redis, on a free port, in a temporary folder, for one test file. The port is chosen by
 * the system; should another process take it in between, the start fails loudly and is tried again.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

export type Engine = "valkey-server" | "redis-server";

/** The server of every test that does not name one: Valkey, or with TEST_SERVER=redis Redis, so that all tests run over either. */
export const SERVER: Engine = chosen(process.env.TEST_SERVER ?? "valkey");

function chosen(name: string): Engine {
  if (name === "valkey") return "valkey-server";
  if (name === "redis") return "redis-server";
  throw new RangeError(`TEST_SERVER is "${name}"; expected valkey or redis`);
}

export interface ServerProcess {
  readonly url: string;
  readonly port: number;
  readonly directory: string;
  readonly pid: number;
  /** Sends a signal: SIGSTOP and SIGCONT make a server that hangs. */
  signal(name: NodeJS.Signals): void;
  /** Ends the process at once; its data stays for `restart`. */
  kill(): Promise<void>;
  /** Starts it again on the same port and folder; settings given here win over those of the first start. */
  restart(settings?: readonly string[]): Promise<void>;
  stop(): Promise<void>;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

/** Where a server runs: its address, and what is put before its command. */
export interface Place {
  readonly address: string;
  readonly inside: readonly string[];
}

const HERE: Place = { address: "127.0.0.1", inside: [] };

export async function startServer(
  engine: Engine = SERVER,
  settings: readonly string[] = [],
  place: Place = HERE,
): Promise<ServerProcess> {
  const directory = mkdtempSync(join(tmpdir(), "socketscaler-test-"));
  const port = await freePort();
  let child = await launch(engine, port, directory, settings, place);
  const kill = async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  };
  return {
    url: `valkey://${place.address}:${port}`,
    port,
    directory,
    get pid() {
      return child.pid ?? 0;
    },
    signal: (name) => void child.kill(name),
    kill,
    restart: async (others = []) => {
      await kill();
      child = await launch(engine, port, directory, [...settings, ...others], place);
    },
    stop: async () => {
      await kill();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function launch(engine: Engine, port: number, directory: string, settings: readonly string[], place: Place) {
  const args = [
    "--port",
    String(port),
    "--bind",
    place.address,
    "--dir",
    directory,
    "--save",
    "",
    "--loglevel",
    "notice",
    // Otherwise the server overwrites its environment, by which the test runner finds what a test left.
    "--set-proc-title",
    "no",
  ];
  const [command = engine, ...before] = [...place.inside, engine];
  const child = spawn(command, [...before, ...args, ...settings], { stdio: ["ignore", "pipe", "inherit"] });
  await ready(child, engine);
  return child;
}

async function ready(child: ChildProcess, engine: Engine): Promise<void> {
  if (!child.stdout) throw new Error("no output to read");
  const lines = createInterface(child.stdout);
  const seen: string[] = [];
  const failed = once(child, "exit").then(() => {
    throw new Error(`${engine} ended at start:\n${seen.join("\n")}`);
  });
  const listening = new Promise<void>((done) => {
    lines.on("line", (line) => {
      if (seen.length < 50) seen.push(line);
      if (line.includes("Ready to accept connections")) done();
    });
  });
  failed.catch(() => undefined);
  await Promise.race([listening, failed]);
}
