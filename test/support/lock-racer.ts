/* Tries for the lock of a directory when it is told to, says whether it has it, and leaves it as a kill would. */

import { readdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { type DirectoryLock, lockDirectory } from "../../src/store/embedded/directory-lock.js";
import { StoreUnusable } from "../../src/store/store.js";

let lock: DirectoryLock | undefined;

console.log("ready");
for await (const line of createInterface(process.stdin)) {
  const [order, directory = ""] = line.split(" ");
  if (order === "lock") {
    lock = await lockDirectory(directory).catch((error: unknown) => {
      if (error instanceof StoreUnusable && error.message.includes("in use")) return undefined;
      throw error;
    });
    console.log(lock ? "has it" : "is refused");
  } else {
    if (lock) leave(directory, lock);
    lock = undefined;
    console.log("left");
  }
}

/** Its socket stays, and nobody listens on it. */
function leave(directory: string, held: DirectoryLock): void {
  const sockets = readdirSync(directory).filter((name) => name.endsWith(".sock"));
  for (const name of sockets) renameSync(join(directory, name), join(directory, `${name}.left`));
  held.release();
  for (const name of sockets) renameSync(join(directory, `${name}.left`), join(directory, name));
}
