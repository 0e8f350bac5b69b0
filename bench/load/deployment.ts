/* Instances of SocketScaler over one Valkey, for scenarios that break some of them. */

import type { ChildProcess } from "node:child_process";
import type { Flags } from "../../src/server/config.js";
import { type ProcessInstance, spawnInstance } from "../../test/support/instances.js";
import type { ServerProcess } from "../../test/support/valkey-server.js";
import { cpuSeconds, startValkey } from "./processes.js";

export interface Deployment {
  readonly valkey: ServerProcess;
  readonly instances: readonly ProcessInstance[];
  readonly urls: readonly string[];
  /** Registers an item to be closed before the instances end. */
  closing<Item extends { close(): unknown }>(item: Item): Item;
}

/** Some instances over one Valkey, for as long as `use` takes. */
export async function deploy<Found>(
  count: number,
  flags: Flags,
  use: (deployment: Deployment) => Promise<Found>,
): Promise<Found> {
  const valkey = await startValkey();
  const instances: ProcessInstance[] = [];
  const open: { close(): unknown }[] = [];
  try {
    const starting = Array.from({ length: count }, () => spawnInstance({ VALKEY_URL: valkey.url, ...flags }));
    instances.push(...(await Promise.all(starting)));
    const closing = <Item extends { close(): unknown }>(item: Item) => {
      open.push(item);
      return item;
    };
    return await use({ valkey, instances, urls: instances.map(({ url }) => url), closing });
  } finally {
    for (const each of open.reverse()) await each.close();
    await Promise.all(instances.map((instance) => instance.kill()));
    await valkey.stop();
  }
}

/** Measures until the returned function is called, which gives the number of cores used. */
export function measureCores(processes: readonly { readonly child: ChildProcess }[]): () => number {
  const pids = processes.map(({ child }) => child.pid);
  const before = { ms: performance.now(), cpu: cpuSeconds(pids) };
  return () => ((cpuSeconds(pids) - before.cpu) * 1_000) / (performance.now() - before.ms);
}
