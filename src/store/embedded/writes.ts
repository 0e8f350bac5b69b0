/*
 * The writes of the embedded store, and whether they work. A disk that is full or broken is the world's fault: a write
 * that fails is StoreAway, and reads go on. LMDB takes a transaction whole or not at all.
 *
 *     works ──a transaction fails──► is left alone ──there is room──► is tried ──a transaction succeeds──► works
 *                                         ▲                              │
 *                                         └───────── it fails ───────────┘
 *
 * While it is left alone writes are refused at once. Whether there is room is tried with a file beside the data.
 */

import { randomBytes } from "node:crypto";
import { open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { getSystemErrorMap } from "node:util";
import type { Unsubscribe } from "../listeners.js";
import { StoreAway } from "../store.js";

/**
 * LMDB's MDB_PANIC: it could not write the page that says where all others are, as can be on a full disk if the file
 * system copies on write. After that it begins no transaction, and one that is asked for never ends.
 */
const PANIC = -30_795;

/** What is used of LMDB's. */
interface Transactions {
  transaction<Result>(action: () => Result): Promise<Result>;
  readonly flushed: PromiseLike<unknown>;
}

interface EmbeddedWritesOptions {
  readonly directory: string;
  /** What was counted of transactions that may not have come about is to be counted again. */
  readonly forget: () => void;
  readonly incident: (message: string, cause?: unknown) => void;
}

const TRY_MS_FIRST = 1_000;
const TRY_MS_MAX = 30_000;
/** More than most transactions write. */
const ROOM_BYTES = 262_144;

export class EmbeddedWrites {
  readonly #root: Transactions;
  readonly #options: EmbeddedWritesOptions;
  readonly #listeners = new Set<(available: boolean) => void>();
  /** Rejects what waits for LMDB. */
  readonly #waiting = new Set<(error: StoreAway) => void>();
  #available = true;
  #failures = 0;
  /** From the first transaction that failed to the first that succeeds. */
  #incident: { readonly sinceMs: number; tryMs: number } | undefined;
  /** Of the last commit that failed. */
  #code: number | undefined;
  get #isBroken(): boolean {
    return this.#code === PANIC;
  }
  #timer: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(root: Transactions, options: EmbeddedWritesOptions) {
    this.#root = root;
    this.#options = options;
    hearFailures(root, (code) => this.#commitFailed(code));
  }

  get available(): boolean {
    return this.#available;
  }

  get failures(): number {
    return this.#failures;
  }

  onAvailable(listener: (available: boolean) => void): Unsubscribe {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Rejects with StoreAway, or with what `action` throws. */
  async transaction<Result>(action: () => Result): Promise<Result> {
    if (!this.#available) throw new StoreAway("the data directory cannot be written", { sent: false });
    let result: Result;
    try {
      result = await this.#until(this.#root.transaction(action));
    } catch (error) {
      const isOfWorld = error instanceof StoreAway || isOfLmdb(error);
      if (!isOfWorld) throw error;
      this.#failed(error);
      throw error instanceof StoreAway ? error : away(error, false);
    }
    this.#succeeded();
    return result;
  }

  /** Resolves when what was committed is on the disk. */
  async flushed(): Promise<void> {
    await this.#until(this.#root.flushed);
  }

  /** Gives whether LMDB can be closed: it waits for a transaction of which it will never hear. */
  close(): boolean {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    return !this.#isBroken;
  }

  #until<Result>(wanted: PromiseLike<Result>): Promise<Result> {
    return new Promise((done, fail) => {
      this.#waiting.add(fail);
      const settled = () => this.#waiting.delete(fail);
      wanted.then(done, fail).then(settled, settled);
    });
  }

  /** The transactions of a commit that failed are told by LMDB, but for one that it could not begin. */
  #commitFailed(code: number): void {
    if (this.#isBroken) return;
    this.#code = code;
    if (code !== PANIC) return;
    const { directory, incident } = this.#options;
    incident(`LMDB gave up on ${directory}: writes are refused until this process is started again`);
    for (const fail of this.#waiting) fail(away(new Error(nameOf(code)), true));
  }

  #failed(error: unknown): void {
    this.#failures++;
    this.#options.forget();
    if (!this.#incident) {
      this.#incident = { sinceMs: performance.now(), tryMs: TRY_MS_FIRST };
      const cause = this.#code === undefined ? error : new Error(`LMDB: ${nameOf(this.#code)}`, { cause: error });
      const { directory, incident } = this.#options;
      incident(
        `cannot write to ${directory}: writes are refused until it can be written. Make room on its disk`,
        cause,
      );
    }
    // Several may fail together.
    if (!this.#available || this.#isClosed) return;
    this.#tell(false);
    this.#tryLater(this.#incident);
  }

  #succeeded(): void {
    if (!this.#incident) return;
    const seconds = Math.round((performance.now() - this.#incident.sinceMs) / 1_000);
    this.#incident = undefined;
    this.#options.incident(`${this.#options.directory} can be written again after ${seconds} s`);
  }

  #tryLater(incident: { tryMs: number }): void {
    this.#timer = setTimeout(async () => {
      const hasRoom = await tryRoom(this.#options.directory);
      if (this.#isClosed || this.#isBroken) return;
      if (hasRoom) this.#tell(true);
      else this.#tryLater(incident);
    }, incident.tryMs);
    this.#timer.unref();
    incident.tryMs = Math.min(TRY_MS_MAX, incident.tryMs * 2);
  }

  #tell(available: boolean): void {
    this.#available = available;
    for (const listener of this.#listeners) listener(available);
  }
}

async function tryRoom(directory: string): Promise<boolean> {
  const path = join(directory, "room.tmp");
  try {
    const file = await open(path, "w");
    try {
      // A file without a name goes when it is closed, also by a kill.
      await unlink(path);
      // Noise: some file systems take no room for zeros.
      await file.writeFile(randomBytes(ROOM_BYTES));
    } finally {
      await file.close();
    }
    return true;
  } catch {
    return false;
  }
}

function away(cause: unknown, sent: boolean): StoreAway {
  return new StoreAway("the data directory cannot be written", { sent, cause });
}

function isOfLmdb(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return "commitError" in error || ("code" in error && typeof error.code === "number");
}

function nameOf(code: number): string {
  return getSystemErrorMap().get(-code)?.[0] ?? `error ${code}`;
}

/** Statuses by which LMDB's thread speaks to its JavaScript. All others are errors: the system's, or its own below 0. */
const STATUSES = new Set([0, 1, 2]);
const PROGRESS = 1;

/**
 * LMDB's own JavaScript prints a stack trace for each commit that fails, and rejects a promise that nobody holds, which
 * ends the process. So it hears of progress instead: it still rejects the transactions of that commit.
 */
function hearFailures(root: object, failed: (code: number) => void): void {
  const env: unknown = "env" in root ? root.env : undefined;
  if (typeof env !== "object" || env === null || !("startWriting" in env)) return;
  const { startWriting } = env;
  if (typeof startWriting !== "function") return;
  const value = (address: number, told: (status: number) => unknown) =>
    startWriting.call(env, address, (status: number) => {
      if (STATUSES.has(status)) return told(status);
      failed(status);
      return told(PROGRESS);
    });
  Object.defineProperty(env, "startWriting", { value });
}
