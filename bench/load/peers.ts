/* The folder bench/peers, a package of its own: nothing else depends on the peers' packages. */

import { spawnSync } from "node:child_process";
import { existsSync, statSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { System } from "./system.js";

export const PEERS = fileURLToPath(new URL("../peers/", import.meta.url));

/** Installs the peers' packages unless they match the lock file. No package's scripts run. */
export function installPeers(): void {
  const installed = `${PEERS}node_modules/.package-lock.json`;
  if (existsSync(installed) && statSync(installed).mtimeMs > statSync(`${PEERS}package-lock.json`).mtimeMs) return;
  const args = ["ci", "--ignore-scripts", "--silent", "--prefix", PEERS];
  const { status } = spawnSync("npm", args, { stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error("the peers could not be installed");
}

/** Arguments of Node that run a file of bench/peers. */
export function peer(file: string, ...args: readonly (string | number)[]): string[] {
  return ["--import", "tsx", `${PEERS}${file}`, ...args.map(String)];
}

export function peerArgs(file: string, ...options: readonly (string | number)[]): System["args"] {
  return (valkey, cells) => peer(file, valkey.url, cells, ...options);
}
