/*
 * The process ids of the lab's Valkey servers, as files in its folder. If the lab is killed, its
 * other processes find the servers by them, also one that is stopped or was started again.
 */

import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const SUFFIX = ".pid";

/** Keeps the id until `forgetPid`. */
export function keepPid(folder: string, name: string, pid: number): void {
  writeFileSync(join(folder, name + SUFFIX), String(pid));
}

/** An id that is free may soon be that of another process. */
export function forgetPid(folder: string, name: string): void {
  rmSync(join(folder, name + SUFFIX), { force: true });
}

/** None if the folder is gone. */
export function pidsIn(folder: string): number[] {
  try {
    const files = readdirSync(folder).filter((file) => file.endsWith(SUFFIX));
    return files.map((file) => Number(readFileSync(join(folder, file), "utf8"))).filter((pid) => pid > 1);
  } catch {
    return [];
  }
}

/** Those that have ended are left out. */
export function killLeft(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It has ended already.
    }
  }
}
