/* The folder of recorded results: one JSON file for each scenario, with commit, machine and versions. */

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { cpus, release, totalmem, type } from "node:os";
import { fileURLToPath } from "node:url";
import type { Outcome } from "./outcome.js";
import type { Recorded } from "./report-text.js";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
export const RESULTS = fileURLToPath(new URL("../results/", import.meta.url));

/** Whatever a number depends on: what is measured, what measures it, and the packages of both. */
const MEASURED = ["src", "bench", "test/support", "examples/tutorial/naive", "package.json", "package-lock.json"];
/** Made by measuring. */
const MADE = [":!bench/results", ":!bench/README.md"];

export function record({ faults: _, ...outcome }: Outcome): void {
  const isChanged = said("git", "-C", ROOT, "status", "--porcelain", "--", ...MEASURED, ...MADE) !== "";
  const recorded: Recorded = {
    date: new Date().toISOString(),
    commit: said("git", "rev-parse", "--short=12", "HEAD") + (isChanged ? ", changed" : ""),
    machine: {
      system: `${type()} ${release()}`,
      cpu: cpus()[0]?.model ?? "unknown",
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
    },
    versions: {
      Node: process.version.slice(1),
      Valkey: /v=(\S+)/.exec(said("valkey-server", "--version"))?.[1] ?? "unknown",
      "Socket.IO": packageVersion("socket.io"),
    },
    peers: peerVersions(),
    ...outcome,
  };
  mkdirSync(RESULTS, { recursive: true });
  writeFileSync(`${RESULTS}${outcome.name}.json`, `${JSON.stringify(recorded, null, 2)}\n`);
}

/** What is recorded of the scenarios named, in their order. */
export function readResults(names: readonly string[]): Recorded[] {
  return names
    .map((name) => `${RESULTS}${name}.json`)
    .filter((path) => existsSync(path))
    .map((path): Recorded => JSON.parse(readFileSync(path, "utf8")));
}

function said(command: string, ...args: string[]): string {
  return String(spawnSync(command, args).stdout ?? "").trim();
}

function peerVersions(): Record<string, string> {
  const parsed: { dependencies: Record<string, string> } = JSON.parse(
    readFileSync(fileURLToPath(new URL("../peers/package.json", import.meta.url)), "utf8"),
  );
  return parsed.dependencies;
}

function packageVersion(name: string): string {
  const path = fileURLToPath(new URL(`../../node_modules/${name}/package.json`, import.meta.url));
  const parsed: { version: string } = JSON.parse(readFileSync(path, "utf8"));
  return parsed.version;
}
