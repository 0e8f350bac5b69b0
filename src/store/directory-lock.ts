/*
 * One process for each data directory. The lock is a listening local socket in the directory: the kernel drops it with
 * the process, however that ends, so a kill leaves nothing to wait for, and whoever finds the file asks it: an answer
 * means held, a refusal means left over.
 */

import { createHash } from "node:crypto";
import { rmSync, statSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { StoreUnusable } from "./store.js";

export interface DirectoryLock {
  release(): void;
}

/** Local socket paths are limited to about 104 bytes; longer ones move to the temporary folder. */
const SOCKET_PATH_BYTES_MAX = 100;
const ATTEMPTS_MAX = 3;

export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = lockPath(resolve(directory));
  for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
    const server = await listen(path);
    if (server) return { release: () => server.close() };
    const found = inode(path);
    if (await answers(path)) break;
    // Remove only the very file that did not answer: another process may have replaced it meanwhile.
    if (found !== undefined && inode(path) === found) rmSync(path, { force: true });
  }
  throw new StoreUnusable(
    `the data directory ${directory} is in use by another process: end it, choose another DATA_DIR, ` +
      "or set VALKEY_URL to run several processes on one board",
  );
}

function lockPath(directory: string): string {
  const hash = createHash("sha256").update(directory).digest("hex").slice(0, 24);
  if (process.platform === "win32") return `\\\\.\\pipe\\socketscaler-${hash}`;
  const path = join(directory, "lock.sock");
  return Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX ? path : join(tmpdir(), `socketscaler-${hash}.sock`);
}

function listen(path: string): Promise<Server | undefined> {
  return new Promise((done, fail) => {
    const server = createServer((socket) => socket.destroy());
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") done(undefined);
      else fail(new StoreUnusable(`cannot lock the data directory at ${path}: ${error.code}`, error));
    });
    server.listen(path, () => {
      server.unref();
      done(server);
    });
  });
}

function answers(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.once("error", () => done(false));
  });
}

function inode(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
