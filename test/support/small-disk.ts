/*
 * A disk that can be full: a file system of its own in memory, where this user may mount one. Elsewhere the processes
 * that write to it are held to files as large as theirs are, for which the system fails their writes as well (EFBIG).
 */

import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface SmallDisk {
  readonly folder: string;
  /** From now on this process can write nothing new there. */
  fill(pid: number | undefined): void;
  makeRoom(pid: number | undefined): void;
}

export function smallDisk(t: { after(end: () => void): unknown }): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), "socketscaler-test-"));
  // Before the folder goes, whatever still writes there.
  t.after(() => {
    spawnSync("umount", ["-l", folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", "size=3m", "tmpfs", folder]);
  if (status !== 0) {
    const limit = (pid: number | undefined, bytes: string) => {
      execFileSync("prlimit", ["--pid", String(pid), `--fsize=${bytes}:`]);
    };
    return { folder, fill: (pid) => limit(pid, "8192"), makeRoom: (pid) => limit(pid, "unlimited") };
  }
  const filler = join(folder, "filler");
  return {
    folder,
    fill: () => {
      for (let bytes = 65_536; bytes > 0; bytes = Math.floor(bytes / 2)) while (append(filler, bytes));
    },
    makeRoom: () => rmSync(filler),
  };
}

function append(file: string, bytes: number): boolean {
  try {
    writeFileSync(file, Buffer.alloc(bytes), { flag: "a" });
    return true;
  } catch {
    return false;
  }
}
