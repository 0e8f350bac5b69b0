/* The processes that a command starts and ends itself. */

import type { ChildProcess } from "node:child_process";
import { once } from "node:events";

/** False for a process that has ended, and for one that could not be started. */
export function isAlive({ pid, exitCode, signalCode }: ChildProcess): boolean {
  return pid !== undefined && exitCode === null && signalCode === null;
}

/** Resolves when the process has ended. */
export async function killed(child: ChildProcess | undefined): Promise<void> {
  if (!child || !isAlive(child)) return;
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
}
