/*
 * The folder bench/peers, a package of its own: nothing else depends on the peers' packages. Its
 * servers run as they would in production: compiled to JavaScript, without a loader.
 */

import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSync } from "esbuild";
import type { System } from "./system.js";

export const PEERS = fileURLToPath(new URL("../peers/", import.meta.url));
const BUILT = `${PEERS}dist/`;

/**
 * Installs the peers' packages unless they match the lock file, and compiles the servers. No
 * package's scripts run.
 */
export function installPeers(): void {
  buildPeers();
  const installed = `${PEERS}node_modules/.package-lock.json`;
  if (existsSync(installed) && statSync(installed).mtimeMs > statSync(`${PEERS}package-lock.json`).mtimeMs) return;
  const args = ["ci", "--ignore-scripts", "--silent", "--prefix", PEERS];
  const { status } = spawnSync("npm", args, { stdio: ["ignore", "ignore", "inherit"] });
  if (status !== 0) throw new Error("the peers could not be installed");
}

/** Our own files become one file for each server; packages stay where they are. */
function buildPeers(): void {
  buildSync({
    entryPoints: readdirSync(PEERS)
      .filter((file) => file.endsWith(".ts"))
      .map((file) => `${PEERS}${file}`),
    outdir: BUILT,
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    target: "node22",
    logLevel: "error",
  });
}

/** Arguments of Node that run a server of bench/peers, given as its source file. */
export function peer(file: string, ...args: readonly (string | number)[]): string[] {
  return [`${BUILT}${basename(file, ".ts")}.js`, ...args.map(String)];
}

export function peerArgs(file: string, ...options: readonly (string | number)[]): System["args"] {
  return (valkey, cells) => peer(file, valkey.url, cells, ...options);
}

/** The version of a peer's package. */
export function peerVersion(name: string): string {
  const { dependencies } = JSON.parse(readFileSync(`${PEERS}package.json`, "utf8"));
  return dependencies[name];
}
