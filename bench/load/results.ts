/* The recorded results: one JSON file per scenario, with commit, machine and versions. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import { fileURLToPath } from "node:url";
import type { Outcome } from "./outcome.js";
import type { Recorded } from "./report-text.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
export const RESULTS = fileURLToPath(new URL("../results/", import.meta.url));

/** Everything that a number depends on: the measured code, the benchmarks, their packages. */
const MEASURED = ["src", "bench", "test/support", "examples/tutorial/naive", "package.json", "package-lock.json"];
/** Written by the benchmarks themselves. */
const MADE = [":!bench/results", ":!bench/README.md"];

export function record({ faults: _, ...outcome }: Outcome): void {
  const isChanged = outputOf("git", "-C", ROOT, "status", "--porcelain", "--", ...MEASURED, ...MADE) !== "";
  const recorded: Recorded = {
    date: new Date().toISOString(),
    commit: outputOf("git", "rev-parse", "--short=12", "HEAD") + (isChanged ? ", changed" : ""),
    machine: {
      system: `${type()} ${release()}`,
      cpu: cpus()[0]?.model ?? "unknown",
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
    },
    versions: {
      Node: process.version.slice(1),
      Valkey: /v=(\S+)/.exec(outputOf("valkey-server", "--version"))?.[1] ?? "unknown",
      "Socket.IO": packageOf("node_modules/socket.io").version,
    },
    peers: packageOf("bench/peers").dependencies,
    ...outcome,
  };
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(`${RESULTS}${outcome.name}.json`, `${JSON.stringify(recorded, null, 2)}\n`);
}

/** The results of these scenarios that exist, in the same order. */
export function readResults(names: readonly string[]): Recorded[] {
  return names
    .map((name) => `${RESULTS}${name}.json`)
    .filter((path) => existsSync(path))
    .map((path): Recorded => JSON.parse(readFileSync(path, "utf8")));
}

function outputOf(command: string, ...args: string[]): string {
  return String(spawnSync(command, args).stdout ?? "").trim();
}

function packageOf(folder: string): { version: string; dependencies: Record<string, string> } {
  return JSON.parse(readFileSync(`${ROOT}${folder}/package.json`, "utf8"));
}
