/*
 * Instances for tests, on free ports. They run in the test's process if the test must reach inside, or as processes of
 * their own if one is to be killed.
 */

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type Flags, readConfig } from "../../src/server/config.js";
import { openStore } from "../../src/server/open-store.js";
import { type RunningServer, type ServerOptions, startServer } from "../../src/server/server.js";
import { createLog } from "../../src/server/telemetry/log.js";
import type { Store } from "../../src/store/store.js";
import { MAIN } from "./program.js";

export const pageFolder = fileURLToPath(new URL("../../dist/page/", import.meta.url));

export interface LocalInstance extends RunningServer {
  readonly store: Store;
  stop(): Promise<void>;
}

/**
 * An instance in this process. It uses `sharedStore`, which must have been opened with the same CLAIMS, HISTORY and
 * DURABILITY, or opens the store that the flags name and closes it again.
 */
export async function startInstance(
  flags: Flags,
  sharedStore?: Store,
  others: Pick<ServerOptions, "silentMsMax" | "wallClock"> = {},
): Promise<LocalInstance> {
  const config = readConfig({ PORT: "0", HOST: "127.0.0.1", LOG_LEVEL: "silent", ...flags }, {});
  const log = createLog(config.logLevel);
  const store = sharedStore ?? (await openStore(config, log));
  const server = await startServer({ config, store, log, pageFolder, ...others });
  return {
    ...server,
    url: `http://127.0.0.1:${server.port}`,
    store,
    stop: async () => {
      await server.close();
      if (!sharedStore) await store.close();
    },
  };
}

export interface ProcessInstance {
  readonly url: string;
  readonly child: ChildProcess;
  /** The lines of its log so far. */
  readonly output: string[];
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** The command that starts an instance. The shell runs `before` first, such as `ulimit -n 64`. */
export function serveCommand(before = ":"): [string, string[]] {
  return ["sh", ["-c", `${before}; exec "$@"`, "sh", process.execPath, ...MAIN, "serve"]];
}

/** An instance as a process of its own. Resolves when it serves. The shell that starts it runs `before` first. */
export async function spawnInstance(flags: Flags, before?: string): Promise<ProcessInstance> {
  const child = spawn(...serveCommand(before), {
    env: { ...process.env, PORT: "0", HOST: "127.0.0.1", ...flags },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output: string[] = [];
  const url = await new Promise<string>((done, fail) => {
    const read = (line: string) => {
      output.push(line);
      const port = /"url":"http:\/\/localhost:(\d+)"/.exec(line)?.[1];
      if (port) done(`http://127.0.0.1:${port}`);
    };
    createInterface(child.stdout).on("line", read);
    createInterface(child.stderr).on("line", read);
    child.once("exit", (code) => fail(new Error(`an instance ended at start with ${code}:\n${output.join("\n")}`)));
  });
  return {
    url,
    child,
    output,
    kill: async (signal = "SIGKILL") => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const ended = once(child, "exit");
      child.kill(signal);
      await ended;
    },
  };
}
