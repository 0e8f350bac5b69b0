/* Prometheus' own tool for alert rules. */

import { spawnSync } from "node:child_process";

/** The output of the tool; `isGood` if it exits with 0. */
export function promtool(...args: string[]): { readonly isGood: boolean; readonly output: string } {
  const { status, stdout, stderr, error } = spawnSync("promtool", args, { encoding: "utf8" });
  if (error) throw error;
  return { isGood: status === 0, output: stdout + stderr };
}
