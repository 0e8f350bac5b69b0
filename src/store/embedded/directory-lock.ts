/*
 * Allows one process per data directory. The lock's owner listens on a local socket in the
 * directory, under a name that is never reused. However the process ends, the kernel closes the
 * socket, so an owner that does not answer is gone. The folder `lock` always holds one file, named
 * after the owner:
 *
 *     listen as `mine` ─► what is the file's name? ─► does that one answer? ── yes ──► refused
 *                              ▲                          │ no
 *                              └──────── ENOENT ──── rename lock/that to lock/mine ──► mine
 *
 * The rename makes this safe. If several processes find the owner gone, only one rename succeeds,
 * because then no file of that name is left. Deleting and recreating a lock file has no such atomic
 * step.
 *
 * People and backups may leave the folder with no file or with several. If there is none, a process
 * that is the only listener in the directory creates it. After a rename, a process looks for other
 * files.
 *
 * The lock works between processes on one machine, including containers that share the directory.
 * It does not work between machines that share the directory over a network, because local sockets
 * do not answer across machines.
 */

import { createHash, randomBytes } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { StoreUnusable } from "../store.js";

export interface DirectoryLock {
  release(): void;
}

/** Local socket paths are limited to about 104 bytes. */
const SOCKET_PATH_BYTES_MAX = 100;
/** Errors that prove that nothing is listening. After any other error there may be an owner. */
const NOBODY: readonly unknown[] = ["ECONNREFUSED", "ENOENT"];
/** The file's name until the lock has its first owner. No socket has this name. */
const FREE = "nobody";
/** Names of our files. Any other file in the folder comes from the operating system or a person. */
const OWNER = /^(nobody|[0-9a-f]{24})$/;
const SOCKET = /^([0-9a-f]{24})\.sock$/;

export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const sockets = new Sockets(resolve(directory));
  let server: Server | undefined;
  const release = () => {
    server?.close();
    sockets.close();
  };
  try {
    const mine = randomName();
    server = await listen(sockets.path(mine));
    if (!(await isHeldAsBefore(resolve(directory))) && (await become(mine, resolve(directory), sockets))) {
      return { release };
    }
    throw new StoreUnusable(
      `the data folder ${directory} is in use by another process: stop that process, or choose another DATA_DIR. ` +
        "To run several processes on one board, set VALKEY_URL",
    );
  } catch (error) {
    release();
    if (error instanceof StoreUnusable) throw error;
    throw new StoreUnusable(
      `cannot lock the data folder ${directory} (${error instanceof Error ? error.message : error}): check its permissions`,
      error,
    );
  }
}

/** Tries to make `mine` the owner. True on success. */
async function become(mine: string, directory: string, sockets: Sockets): Promise<boolean> {
  const lock = join(directory, "lock");
  if (!existsSync(lock)) makeFirst(lock);
  for (;;) {
    // While another process renames the file, both names or neither may be visible.
    const owners = ownersIn(lock);
    for (const owner of owners) if (await sockets.answers(owner)) return false;
    const [owner] = owners;
    if (owner === undefined) {
      // At most one process finds no other. If two start at the same time, both may be refused.
      if (await sockets.areShared(mine)) return false;
      succeedsUnless("EEXIST", () => writeFileSync(join(lock, FREE), "", { flag: "wx" }));
    } else if (succeedsUnless("ENOENT", () => renameSync(join(lock, owner), join(lock, mine)))) {
      // Only the owner's socket: another one that does not answer may be in the middle of starting.
      rmSync(sockets.path(owner), { force: true });
      return isOnlyOwner(mine, lock, sockets);
    }
  }
}

/** Removes other names. Only one process succeeds in removing a name, because no name is reused. */
async function isOnlyOwner(mine: string, lock: string, sockets: Sockets): Promise<boolean> {
  for (const other of ownersIn(lock)) {
    if (other === mine) continue;
    if (await sockets.answers(other)) return false;
    rmSync(join(lock, other), { force: true });
    rmSync(sockets.path(other), { force: true });
  }
  return true;
}

function ownersIn(lock: string): string[] {
  return readdirSync(lock).filter((name) => OWNER.test(name));
}

/** Whether a process of version 0.1 owns the directory. Its lock had a fixed name. */
async function isHeldAsBefore(directory: string): Promise<boolean> {
  const hash = createHash("sha256").update(directory).digest("hex").slice(0, 24);
  if (process.platform === "win32") return answersAt(`\\\\.\\pipe\\socketscaler-${hash}`);
  const near = join(directory, "lock.sock");
  const isShort = Buffer.byteLength(near) <= SOCKET_PATH_BYTES_MAX;
  const path = isShort ? near : join(tmpdir(), `socketscaler-${hash}.sock`);
  // Also if the path of the temporary folder is too long for a socket.
  return existsSync(path) && answersAt(path);
}

/** Creates the folder together with its file, or does nothing if another process created it. */
function makeFirst(lock: string): void {
  const made = `${lock}-${randomName()}`;
  mkdirSync(made);
  writeFileSync(join(made, FREE), "");
  if (!succeedsUnless("ENOTEMPTY", () => renameSync(made, lock))) rmSync(made, { recursive: true });
}

function succeedsUnless(code: string, action: () => void): boolean {
  try {
    action();
    return true;
  } catch (error) {
    // Some systems answer EEXIST instead of ENOTEMPTY.
    if (codeOf(error) === code || (code === "ENOTEMPTY" && codeOf(error) === "EEXIST")) return false;
    throw error;
  }
}

/** The sockets in a directory, reached by paths that are short enough. */
class Sockets {
  /** A folder with a link to the directory, if the directory's own path is too long. */
  readonly #folder: string | undefined;
  readonly #near: string;

  constructor(directory: string) {
    const isLong = Buffer.byteLength(join(directory, `${randomName()}.sock`)) > SOCKET_PATH_BYTES_MAX;
    this.#folder = isLong ? mkdtempSync(join(tmpdir(), "ss-")) : undefined;
    this.#near = this.#folder === undefined ? directory : join(this.#folder, "d");
    if (this.#folder !== undefined) symlinkSync(directory, this.#near);
  }

  path(name: string): string {
    if (process.platform === "win32") return `\\\\.\\pipe\\socketscaler-${name}`;
    return join(this.#near, `${name}.sock`);
  }

  answers(name: string): Promise<boolean> {
    return answersAt(this.path(name));
  }

  /**
   * Whether another process listens in the directory because it has the lock or tries to get it.
   */
  async areShared(mine: string): Promise<boolean> {
    if (process.platform === "win32") {
      const lock = join(this.#near, "lock");
      throw new StoreUnusable(
        `the lock folder ${lock} is incomplete: make sure that no process uses this data folder, then delete ${lock}`,
      );
    }
    for (const file of readdirSync(this.#near)) {
      const name = SOCKET.exec(file)?.[1];
      if (name !== undefined && name !== mine && (await this.answers(name))) return true;
    }
    return false;
  }

  close(): void {
    if (this.#folder !== undefined) rmSync(this.#folder, { recursive: true, force: true });
  }
}

function answersAt(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path);
    socket.once("connect", () => {
      socket.destroy();
      done(true);
    });
    socket.once("error", (error) => done(!NOBODY.includes(codeOf(error))));
  });
}

function randomName(): string {
  return randomBytes(12).toString("hex");
}

function listen(path: string): Promise<Server> {
  return new Promise((done, fail) => {
    const server = createServer((socket) => socket.destroy());
    // The kernel has answered, so later errors do not matter, such as running out of descriptors.
    server.on("error", fail);
    // Without `exclusive`, a worker of a Node cluster would leave the socket to its primary.
    server.listen({ path, exclusive: true }, () => {
      server.unref();
      done(server);
    });
  });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
