/*
 * A network of its own for some process, joined to ours by one link that can be taken down: as when a switch dies between
 * two hosts. Packets are then lost without a word to either side, unlike with a process that is killed or stopped, whose
 * kernel still answers. Needs Linux, root and `ip`.
 *
 *     our network   10.213.x.1 ═══ veth ═══ 10.213.x.2   the namespace
 */

import { execFile, spawnSync } from "node:child_process";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface NetworkNamespace {
  /** Of the namespace, as seen from here. */
  readonly address: string;
  /** Before a command's name and arguments, this runs it inside. */
  readonly inside: readonly string[];
  cut(): Promise<void>;
  mend(): Promise<void>;
  /** Lets so many kilobits a second through in each direction, behind a queue of `queueMs`. */
  shape(kilobits: number, queueMs: number): Promise<void>;
  /** What still runs inside loses its network. */
  remove(): Promise<void>;
}

/** Why there can be no namespaces here; undefined if there can. */
export function whyNoNamespaces(): string | undefined {
  const name = `ss-probe-${process.pid}`;
  const { status, error, stderr } = spawnSync("ip", ["netns", "add", name], { encoding: "utf8" });
  if (status !== 0) return `no network namespaces here: ${error?.message ?? stderr.trim()}`;
  spawnSync("ip", ["netns", "delete", name]);
  return undefined;
}

export async function createNamespace(): Promise<NetworkNamespace> {
  const name = `ss-${process.pid}`;
  const [outer, inner] = [`ss${process.pid}o`, `ss${process.pid}i`];
  // A /30 of its own for each process, so that two runs on one machine do not meet.
  const network = `10.213.${(process.pid >>> 6) & 255}`;
  const first = (process.pid & 63) * 4;
  const address = `${network}.${first + 2}`;
  const remove = async () => {
    // With the namespace goes its end of the link, and with that the other.
    await run("ip", ["netns", "delete", name]).catch(() => undefined);
    await run("ip", ["link", "delete", outer]).catch(() => undefined);
  };
  try {
    await run("ip", ["netns", "add", name]);
    await run("ip", ["link", "add", outer, "type", "veth", "peer", "name", inner, "netns", name]);
    await run("ip", ["address", "add", `${network}.${first + 1}/30`, "dev", outer]);
    await run("ip", ["link", "set", outer, "up"]);
    await run("ip", ["-n", name, "address", "add", `${address}/30`, "dev", inner]);
    await run("ip", ["-n", name, "link", "set", inner, "up"]);
  } catch (error) {
    await remove();
    throw error;
  }
  // The far end, so that our side still has a route, and sends into the void.
  const set = async (state: string) => void (await run("ip", ["-n", name, "link", "set", inner, state]));
  return {
    address,
    inside: ["ip", "netns", "exec", name],
    cut: () => set("down"),
    mend: () => set("up"),
    shape: async (kilobits, queueMs) => {
      // A packet must fit into the bucket, and little more: a burst would pass as on a faster line.
      const bucket = ["root", "tbf", "rate", `${kilobits}kbit`, "burst", "2kb", "latency", `${queueMs}ms`];
      await run("tc", ["qdisc", "replace", "dev", outer, ...bucket]);
      await run("tc", ["-n", name, "qdisc", "replace", "dev", inner, ...bucket]);
    },
    remove,
  };
}
