/* Peers and helpers of benchmarks as processes of their own, and what a process used. */

import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const PEERS = fileURLToPath(new URL("peers/", import.meta.url));

/** Installs what the peers need, if it is not there as the lock file says. No package's scripts run. */
export function installPeers(): void {
  const installed = `${PEERS}node_modules/.package-lock.json`;
  if (existsSync(installed) && statSync(installed).mtimeMs > statSync(`${PEERS}package-lock.json`).mtimeMs) return;
  // What it prints is no result.
  const args = ["ci", "--ignore-scripts", "--silent", "--prefix", PEERS];
  const { status } = spawnSync("npm", args, { stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error("the peers could not be installed");
}

/** Starts a peer, which prints `port N` when it serves. */
export async function spawnPeer(name: string, ...args: string[]): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, ["--import", "tsx", `${PEERS}${name}`, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  for await (const line of createInterface(child.stdout)) {
    return { url: `http://127.0.0.1:${line.slice("port ".length)}`, child };
  }
  throw new Error(`${name} ended at start`);
}

const TICKS_PER_SECOND = 100;

/** CPU seconds used so far and memory now, of any process (Linux). */
export function usage(pid: number): { readonly cpuSeconds: number; readonly residentBytes: number } {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  const [user = 0, system = 0] = fields.slice(11, 13).map(Number);
  const [, kilobytes = 0] = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return { cpuSeconds: (user + system) / TICKS_PER_SECOND, residentBytes: Number(kilobytes) * 1_024 };
}
