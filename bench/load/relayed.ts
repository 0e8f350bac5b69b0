/* An origin over Valkey, which relays connect to. */

import type { ServerProcess } from "../../test/support/valkey-server.js";
import { RELAY_SECRET, startBuilt } from "./ours.js";
import { type Running, startValkey } from "./processes.js";

export interface Origin {
  readonly url: string;
  readonly pid: number;
  readonly valkey: ServerProcess;
  /** Calls that its relays have made so far, by name. */
  calls(): Promise<ReadonlyMap<string, number>>;
  /** Commits so far. */
  commits(): Promise<number>;
  stop(): Promise<void>;
}

export async function startOrigin(cells: number): Promise<Origin> {
  const valkey = await startValkey();
  let server: Running;
  try {
    server = await startBuilt({ VALKEY_URL: valkey.url, BOARDS: `main=${cells}`, RELAY_SECRET });
  } catch (error) {
    await valkey.stop();
    throw error;
  }
  const { url, pid } = server;
  const metrics = async () => (await fetch(`${url}/metrics`)).text();
  return {
    url,
    pid,
    valkey,
    calls: async () => {
      const lines = (await metrics()).matchAll(/^socketscaler_relay_calls_total\{call="(\w+)"\} (\d+)$/gm);
      return new Map(Array.from(lines, ([, name = "", count]) => [name, Number(count)]));
    },
    commits: async () => Number(/^socketscaler_commit_seconds_count (\d+)$/m.exec(await metrics())?.[1]),
    stop: async () => {
      await server.stop();
      await valkey.stop();
    },
  };
}
