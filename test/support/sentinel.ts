/* A real Sentinel on a free port, which watches one primary and puts a replica in its place when it is gone. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { askAs } from "./resp.js";
import { until } from "./until.js";
import { freePort, SERVER, type ServerProcess } from "./valkey-server.js";

export interface Sentinel {
  /** What instances are given: Sentinel and the name it knows the primary by. */
  readonly url: string;
  /** The port of whoever is primary now, as Sentinel says. */
  primaryPort(): Promise<number>;
  /** Puts the replica in the primary's place though that is well. */
  failover(): Promise<void>;
  stop(): Promise<void>;
}

const NAME = "boards";

export interface SentinelOptions {
  /** Lines of its file, besides. */
  readonly settings?: readonly string[];
  /** Where the primary is, if not at its plain port. */
  readonly primaryPort?: number;
  /** What the test itself says to be let in. */
  readonly login?: readonly [user: string, password: string];
}

export async function startSentinel(primary: ServerProcess, options: SentinelOptions = {}): Promise<Sentinel> {
  const directory = mkdtempSync(join(tmpdir(), "socketscaler-test-"));
  const file = join(directory, "sentinel.conf");
  const port = await freePort();
  const settings = [
    `port ${port}`,
    "bind 127.0.0.1",
    `dir ${directory}`,
    `sentinel monitor ${NAME} 127.0.0.1 ${options.primaryPort ?? primary.port} 1`,
    `sentinel down-after-milliseconds ${NAME} 500`,
    `sentinel failover-timeout ${NAME} 2000`,
    ...(options.settings ?? []),
  ];
  // Sentinel writes what it learns into this file.
  writeFileSync(file, `${[...settings, "set-proc-title no"].join("\n")}\n`);
  const child = spawn(SERVER, [file, "--sentinel"], { stdio: ["ignore", "ignore", "inherit"] });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, "exit");
      child.kill("SIGKILL");
      await ended;
    }
    rmSync(directory, { recursive: true, force: true });
  };
  const say = (...args: string[]) => askAs(port, options.login, ...args);
  try {
    // Asked for a failover before it has heard from the replica itself, it would give up and rest for seconds.
    await until("Sentinel answers and has heard from the replica", async () => {
      const replicas = await say("SENTINEL", "REPLICAS", NAME).catch(() => "");
      return String(replicas).includes("master-link-status,ok");
    });
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url: `valkey+sentinel://127.0.0.1:${port}/${NAME}`,
    primaryPort: async () => {
      const address = await say("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME);
      return Number(String(address).split(",")[1]);
    },
    failover: async () => {
      const agrees = () => say("SENTINEL", "FAILOVER", NAME).then(Boolean, () => false);
      await until("Sentinel finds the replica good enough", agrees);
    },
    stop,
  };
}
