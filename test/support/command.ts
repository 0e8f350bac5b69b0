/* The command `socketscaler` as a process. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { text } from "node:stream/consumers";
import { MAIN } from "./program.js";

export function startCommand(args: readonly string[], env: Record<string, string> = {}): ChildProcess {
  return spawn(process.execPath, [...MAIN, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

function startByShell(script: string, args: readonly string[], env: Record<string, string>): ChildProcess {
  return spawn("bash", ["-c", script, "bash", process.execPath, ...MAIN, ...args], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

/** A bash `script` may run the command as `"$@"` and redirect its output. */
export async function runCommand(args: readonly string[], env: Record<string, string> = {}, script?: string) {
  const child = script === undefined ? startCommand(args, env) : startByShell(script, args, env);
  assert.ok(child.stdout && child.stderr);
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "exit")]);
  return { stdout, stderr, code };
}
