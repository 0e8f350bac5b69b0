/*
 * The two Valkey servers of the lab: a primary and its replica, in a temporary folder and on free
 * ports. Both write their changes to disk, so a server that is killed comes back with them. The
 * replica reaches its primary through a wire.
 */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import type { PartState, ServerView } from "../../protocol/lab.js";
import { killed } from "../children.js";
import { Asker, type Reply } from "./resp.js";
import { forgetPid, keepPid } from "./server-pids.js";
import { Wire } from "./wire.js";

const PROGRAMS = ["valkey-server", "redis-server"] as const;
const READY_MS_MAX = 10_000;
const ASK_EVERY_MS = 20;

const MAJOR_MIN = 7;

/** The program to start, in a version that the store supports. Undefined if the PATH has none. */
export function findServer(): (typeof PROGRAMS)[number] | undefined {
  return PROGRAMS.find((name) => {
    const { stdout } = spawnSync(name, ["--version"], { encoding: "utf8" });
    return Number(/ v=(\d+)/.exec(stdout ?? "")?.[1] ?? 0) >= MAJOR_MIN;
  });
}

export class LabServer {
  readonly name: "a" | "b";
  readonly port: number;
  role: "primary" | "replica" = "primary";
  state: PartState = "starting";
  position: string | undefined;
  isLinked = false;
  readonly #program: string;
  /** Of the whole lab. */
  readonly #labFolder: string;
  readonly #folder: string;
  readonly #asker: Asker;
  #child: ChildProcess | undefined;

  constructor(name: "a" | "b", program: string, folder: string, port: number) {
    this.name = name;
    this.port = port;
    this.#program = program;
    this.#labFolder = folder;
    this.#folder = join(folder, name);
    this.#asker = new Asker(port);
    mkdirSync(this.#folder);
  }

  get view(): ServerView {
    const { name, role, state, position, isLinked } = this;
    return { name, role, state, position, isLinked };
  }

  /** Undefined if the server does not answer soon. */
  ask(...command: readonly string[]): Promise<Reply | undefined> {
    return this.#asker.ask(...command);
  }

  /** Starts with what it has on disk, as a replica of the server on `primaryPort` if given. */
  async start(primaryPort?: number): Promise<void> {
    this.role = primaryPort === undefined ? "primary" : "replica";
    const settings: Readonly<Record<string, string>> = {
      port: String(this.port),
      bind: "127.0.0.1",
      dir: this.#folder,
      save: "",
      appendonly: "yes",
      "repl-diskless-sync-delay": "0",
      ...(primaryPort === undefined ? {} : { replicaof: `127.0.0.1 ${primaryPort}` }),
    };
    const args = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, ...value.split(" ")]);
    // A terminal sends Ctrl+C to the process group. The lab ends its servers itself.
    const child = spawn(this.#program, args, { stdio: "ignore", detached: true });
    child.on("error", () => undefined);
    child.on("exit", () => {
      if (this.#child !== child) return;
      this.state = "down";
      forgetPid(this.#labFolder, this.name);
    });
    if (child.pid !== undefined) keepPid(this.#labFolder, this.name, child.pid);
    this.#child = child;
    this.state = "starting";
    const endMs = performance.now() + READY_MS_MAX;
    while ((await this.ask("PING")) !== "PONG") {
      if (child.exitCode !== null || performance.now() > endMs) throw new Error(`${this.#program} did not start`);
      await new Promise((done) => setTimeout(done, ASK_EVERY_MS));
    }
    this.state = "up";
  }

  hang(): void {
    this.#child?.kill("SIGSTOP");
    this.state = "hung";
  }

  resume(): void {
    this.#child?.kill("SIGCONT");
    this.state = "up";
  }

  async kill(): Promise<void> {
    await killed(this.#child);
    this.state = "down";
  }

  async close(): Promise<void> {
    this.#asker.close();
    await this.kill();
  }

  /** For the end of this process, when nothing can be awaited. */
  killNow(): void {
    this.#child?.kill("SIGKILL");
  }
}

export class ServerPair {
  readonly servers: readonly [LabServer, LabServer];
  /** From the replica to its primary. */
  readonly replication: Wire;

  private constructor(servers: readonly [LabServer, LabServer], replication: Wire) {
    this.servers = servers;
    this.replication = replication;
  }

  /** Its servers do not run yet, so that their owner can end them however the start goes. */
  static async open(program: string, folder: string): Promise<ServerPair> {
    const [a, b] = [
      new LabServer("a", program, folder, await freePort()),
      new LabServer("b", program, folder, await freePort()),
    ];
    const pair: ServerPair = new ServerPair([a, b], await Wire.open({ target: () => pair.primary.port }));
    return pair;
  }

  /** If one server does not start, both are closed. */
  async start(): Promise<void> {
    const [a, b] = this.servers;
    try {
      await a.start();
      await b.start(this.replication.port);
    } catch (error) {
      await this.close();
      throw error;
    }
  }

  get primary(): LabServer {
    return this.servers.find(({ role }) => role === "primary") ?? this.servers[0];
  }

  get replica(): LabServer {
    return this.servers.find((server) => server !== this.primary) ?? this.servers[1];
  }

  /** Makes the replica the primary. The other server must be down. */
  async promote(): Promise<void> {
    const { primary, replica } = this;
    await replica.ask("REPLICAOF", "NO", "ONE");
    replica.role = "primary";
    primary.role = "replica";
  }

  async close(): Promise<void> {
    this.replication.close();
    await Promise.all(this.servers.map((server) => server.close()));
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no free port");
  return address.port;
}
