/*
 * The writes of the embedded store. A write that fails because the disk is full or broken rejects
 * with StoreAway, and reads keep working. LMDB applies a transaction completely or not at all.
 *
 *     works ──transaction fails──► paused ──there is room──► trial ──transaction succeeds──► works
 *                                    ▲                         │
 *                                    └──────── it fails ───────┘
 *
 * While paused, writes are refused immediately. Writing a trial file beside the data shows whether
 * there is room.
 */

import { randomBytes } from "node:crypto";
import { open, unlink } from "node:fs/promises";
import { join } from "node:path";
import { getSystemErrorMap } from "node:util";
import type { Unsubscribe } from "../listeners.js";
import { StoreAway } from "../store.js";

/**
 * LMDB's MDB_PANIC: it could not write its root page, which happens on a full copy-on-write file
 * system. After that, LMDB begins no transaction, and requested ones never settle.
 */
const PANIC = -30_795;

/** The part of LMDB's interface that is used here. */
interface Transactions {
  transaction<Result>(action: () => Result): Promise<Result>;
  readonly flushed: PromiseLike<unknown>;
}

interface EmbeddedWritesOptions {
  readonly directory: string;
  /** Called when transactions may have failed, so that their effects are counted again. */
  readonly forget: () => void;
  readonly incident: (message: string, cause?: unknown) => void;
}

const TRY_MS_FIRST = 1_000;
const TRY_MS_MAX = 30_000;
/** Size of the trial file; more than most transactions write. */
const ROOM_BYTES = 262_144;

export class EmbeddedWrites {
  readonly #root: Transactions;
  readonly #options: EmbeddedWritesOptions;
  readonly #listeners = new Set<(available: boolean) => void>();
  /** One function per caller waiting for LMDB; it rejects that caller. */
  readonly #waiting = new Set<(error: StoreAway) => void>();
  #available = true;
  #failures = 0;
  /** Set from the first failed transaction until one succeeds. */
  #incident: { readonly sinceMs: number; tryMs: number } | undefined;
  /** LMDB's error code of the last failed commit. */
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

  /** Rejects with StoreAway, or with the error that `action` throws. */
  async transaction<Result>(action: () => Result): Promise<Result> {
    if (!this.#available) throw new StoreAway("the data folder cannot be written to", { sent: false });
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

  /** Resolves when all commits so far are on the disk. */
  async flushed(): Promise<void> {
    await this.#until(this.#root.flushed);
  }

  /** False after MDB_PANIC, when closing LMDB would wait forever. */
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

  /** LMDB rejects the transactions of a failed commit, except one that it could not begin. */
  #commitFailed(code: number): void {
    if (this.#isBroken) return;
    this.#code = code;
    if (code !== PANIC) return;
    const { directory, incident } = this.#options;
    incident(`LMDB failed permanently on ${directory}: writes are refused until you restart this process`);
    for (const fail of this.#waiting) fail(away(new Error(nameOf(code)), true));
  }

  #failed(error: unknown): void {
    this.#failures++;
    this.#options.forget();
    if (!this.#incident) {
      this.#incident = { sinceMs: performance.now(), tryMs: TRY_MS_FIRST };
      const cause = this.#code === undefined ? error : new Error(`LMDB: ${nameOf(this.#code)}`, { cause: error });
      const { directory, incident } = this.#options;
      incident(`cannot write to ${directory}: writes are refused until it is writable again. Free disk space`, cause);
    }
    // Several transactions may fail together; one report is enough.
    if (!this.#available || this.#isClosed) return;
    this.#setAvailable(false);
    this.#tryLater(this.#incident);
  }

  #succeeded(): void {
    if (!this.#incident) return;
    const seconds = Math.round((performance.now() - this.#incident.sinceMs) / 1_000);
    this.#incident = undefined;
    this.#options.incident(`${this.#options.directory} is writable again, after ${seconds} s of failures`);
  }

  #tryLater(incident: { tryMs: number }): void {
    this.#timer = setTimeout(async () => {
      const hasRoom = await tryRoom(this.#options.directory);
      if (this.#isClosed || this.#isBroken) return;
      if (hasRoom) this.#setAvailable(true);
      else this.#tryLater(incident);
    }, incident.tryMs);
    this.#timer.unref();
    incident.tryMs = Math.min(TRY_MS_MAX, incident.tryMs * 2);
  }

  #setAvailable(available: boolean): void {
    this.#available = available;
    for (const listener of this.#listeners) listener(available);
  }
}

async function tryRoom(directory: string): Promise<boolean> {
  const path = join(directory, "room.tmp");
  try {
    const file = await open(path, "w");
    try {
      // An unlinked file disappears when it is closed, even if the process is killed.
      await unlink(path);
      // Random bytes, because some file systems store zeros without using space.
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
  return new StoreAway("the data folder cannot be written to", { sent, cause });
}

function isOfLmdb(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return "commitError" in error || ("code" in error && typeof error.code === "number");
}

function nameOf(code: number): string {
  return getSystemErrorMap().get(-code)?.[0] ?? `error ${code}`;
}

/** Statuses of LMDB's thread that are not errors. */
const STATUSES = new Set([0, 1, 2]);
const PROGRESS = 1;

/**
 * For each failed commit, LMDB's JavaScript prints a stack trace and rejects a promise that nothing
 * handles, which ends the process. If it sees a progress status instead, it only rejects the
 * commit.
 */
function hearFailures(root: object, failed: (code: number) => void): void {
  const env: unknown = "env" in root ? root.env : undefined;
  if (typeof env !== "object" || env === null || !("startWriting" in env)) return;
  const { startWriting } = env;
  if (typeof startWriting !== "function") return;
  const value = (address: number, report: (status: number) => unknown) =>
    startWriting.call(env, address, (status: number) => {
      if (STATUSES.has(status)) return report(status);
      failed(status);
      return report(PROGRESS);
    });
  Object.defineProperty(env, "startWriting", { value });
}
