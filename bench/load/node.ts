/*
 * The Node of the benchmarks. Ours runs on older ones too, but some peers do not. So everything that
 * is compared runs on the same one, which the peers support: servers, clients and the harness.
 */

import { spawn } from "node:child_process";
import { once } from "node:events";
import { nodeOf } from "../../scripts/node-versions.mjs";

const MAJOR = "24";

/** Runs this program again on the Node of the benchmarks. Undefined if it is running on it. */
export async function runOnBenchNode(): Promise<number | undefined> {
  const node = nodeOf(MAJOR);
  if (node === process.execPath) return undefined;
  const [, ...args] = process.argv;
  const child = spawn(node, ["--import", "tsx", ...args], { stdio: "inherit" });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => child.kill(signal));
  const [code] = await once(child, "exit");
  return code ?? 1;
}
