/*
 * The store inside the process, durable in a data directory, so that a first run needs nothing
 * installed. LMDB provides atomic transactions and survives a kill at any moment. Commits made at
 * the same time share one transaction. One process has the directory to itself (directory-lock.ts)
 * and may run any number of instances on the store.
 */

import { mkdirSync } from "node:fs";
import { type Database, open, type RootDatabase } from "lmdb";
import type { Snapshot } from "../../board/delta.js";
import { type PageRef, pageName } from "../../board/geometry.js";
import type { Position } from "../../board/position.js";
import type { BoardRecords } from "../boards.js";
import { ofBoard, valuesOf } from "../by-board.js";
import { type ClaimRule, type ClaimRules, RuleBook } from "../claims.js";
import { Damages } from "../damage.js";
import { ALL_APPLIED, type Durabilities } from "../durability.js";
import { releaseEnded } from "../expiry.js";
import type { OffsetRange } from "../frozen.js";
import { type Histories, type HistoryRange, NO_HISTORY, type PageActivity, type PageHistory } from "../history.js";
import { Listeners, type Unsubscribe } from "../listeners.js";
import type { OverviewStore, Tally } from "../overview.js";
import { type Announced, LocalRoll } from "../roll.js";
import {
  type Batch,
  type Committed,
  type PageClaims,
  type PageHead,
  type Released,
  type Replaced,
  type Since,
  STORE_LIMITS,
  type Store,
  type StoreLimits,
  StoreUnusable,
  type SubscriptionListener,
} from "../store.js";
import { ENDED_MAX } from "./claims.js";
import { type DirectoryLock, lockDirectory } from "./directory-lock.js";
import { EmbeddedHistory } from "./history.js";
import { LocalBoards } from "./local-boards.js";
import { isNone, LocalOverview } from "./local-overview.js";
import { EmbeddedPages } from "./pages.js";
import { Sessions } from "./sessions.js";
import { EmbeddedWrites } from "./writes.js";

export interface EmbeddedStoreOptions {
  readonly directory: string;
  readonly limits?: StoreLimits;
  readonly durabilities?: Durabilities;
  /** Default: no board keeps history. */
  readonly histories?: Histories;
  /** Default: no board has claims. */
  readonly claims?: ClaimRules;
  /** Called when the store becomes unwritable, and when it becomes writable again. */
  readonly incident?: (message: string, cause?: unknown) => void;
  /** Milliseconds since 1970. Tests replace it. */
  readonly now?: () => number;
  /** Milliseconds of a clock that never jumps. Tests replace it. */
  readonly elapsed?: () => number;
}

/** Heads read before other work gets a turn, because LMDB reads are synchronous. */
const HEADS_AT_ONCE = 500;

export class EmbeddedStore implements Store {
  readonly engine = "embedded";
  readonly overview: OverviewStore;
  readonly boards: BoardRecords;
  readonly #durabilities: Durabilities;
  readonly #damages: Damages;
  readonly #lock: DirectoryLock;
  readonly #root: RootDatabase;
  readonly #writes: EmbeddedWrites;
  readonly #pages: EmbeddedPages;
  readonly #history: EmbeddedHistory;
  readonly #roll: LocalRoll;
  readonly #rules: RuleBook;
  readonly #listeners = new Listeners<SubscriptionListener>();

  private constructor(options: EmbeddedStoreOptions, lock: DirectoryLock) {
    const { directory, limits = STORE_LIMITS, histories = NO_HISTORY, now = Date.now } = options;
    const { elapsed = () => performance.now(), incident = () => undefined } = options;
    this.#durabilities = options.durabilities ?? ALL_APPLIED;
    this.#rules = new RuleBook(options.claims);
    this.#damages = new Damages(incident);
    this.#roll = new LocalRoll(now);
    this.#lock = lock;
    // Without `noSubdir: false`, a dot in the directory's name would make it a file. With
    // `eventTurnBatching`, LMDB would begin its own transaction each turn. If one failed, nothing
    // would catch the rejection.
    this.#root = open({ path: directory, noSubdir: false, maxDbs: 9, eventTurnBatching: false });
    const sessions = new Sessions(this.#root, limits, { now, elapsed });
    const forget = () => {
      sessions.forgetCounts();
      this.#history.forgetCounts();
    };
    this.#writes = new EmbeddedWrites(this.#root, { directory, forget, incident });
    this.#history = new EmbeddedHistory(this.#root.openDB({ name: "history" }), histories, now);
    this.#pages = new EmbeddedPages(this.#root, {
      sessions,
      history: this.#history,
      damages: this.#damages,
      logDeltasMax: limits.logDeltasMax,
      rules: this.#rules,
      now,
    });
    const tallies: Database<Tally, [board: string, page: number]> = this.#root.openDB({ name: "tallies" });
    this.overview = new LocalOverview({
      entry: (board, page) => tallies.get([board, page]),
      entries: (board, from, limit) => {
        const range = { start: [board, from], end: [board, Number.MAX_SAFE_INTEGER], limit };
        return Array.from(tallies.getRange(range), ({ value }) => value);
      },
      put: (board, entry) => {
        if (isNone(entry)) tallies.remove([board, entry.page]);
        else tallies.put([board, entry.page], entry);
      },
      // LMDB reads are synchronous. Without a pause, reading a large board would block the process.
      read: async (action) => {
        await new Promise(setImmediate);
        return action();
      },
      atomically: (action) => this.#writes.transaction(action),
    });
    // LMDB has no empty key, so each name follows a letter.
    const records: Database<string, string> = this.#root.openDB({ name: "boards" });
    this.boards = new LocalBoards({
      entries: () => Array.from(records.getRange(), ({ key, value }) => [key.slice(1), value] as const),
      get: (name) => records.get(`b${name}`),
      put: (name, text) => (text === undefined ? records.remove(`b${name}`) : records.put(`b${name}`, text)),
      read: async (action) => action(),
      atomically: (action) => this.#writes.transaction(action),
    });
  }

  /** Rejects with StoreUnusable. */
  static async open(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
    if (valuesOf(options.durabilities ?? ALL_APPLIED).some(({ level }) => level === "replicated")) {
      throw new StoreUnusable(
        "a board requires replicated durability, which needs Valkey: set VALKEY_URL, or DURABILITY to applied or fsynced",
      );
    }
    try {
      mkdirSync(options.directory, { recursive: true });
    } catch (error) {
      throw new StoreUnusable(
        `cannot write to the data folder ${options.directory} (${error instanceof Error ? error.message : error}): check its path and permissions`,
        error,
      );
    }
    const lock = await lockDirectory(options.directory);
    try {
      return new EmbeddedStore(options, lock);
    } catch (error) {
      lock.release();
      throw new StoreUnusable(
        `cannot open the data folder ${options.directory} (${error instanceof Error ? error.message : error}): check its permissions and files`,
        error,
      );
    }
  }

  async commit(ref: PageRef, batch: Batch): Promise<Committed> {
    const { answer, delta, claims } = await this.#writes.transaction(() => this.#pages.commit(ref, batch));
    const told = claims?.length ? claims : undefined;
    if (delta) for (const listener of this.#listeners.of(pageName(ref))) listener.delta(delta, told);
    await this.#safe(ref.board);
    return answer;
  }

  async replace(ref: PageRef, tag: string, bits: Uint8Array): Promise<Replaced> {
    const { answer, delta } = await this.#writes.transaction(() => this.#pages.replace(ref, tag, bits));
    this.#damages.found(ref, "record", true);
    if (delta) for (const listener of this.#listeners.of(pageName(ref))) listener.delta(delta);
    await this.#safe(ref.board);
    return answer;
  }

  async freeze(ref: PageRef, range: OffsetRange, isFrozen: boolean): Promise<boolean> {
    const isDone = await this.#writes.transaction(() => this.#pages.freeze(ref, range, isFrozen));
    await this.#safe(ref.board);
    return isDone;
  }

  async frozen(ref: PageRef): Promise<readonly OffsetRange[]> {
    return this.#pages.frozen(ref);
  }

  async read(ref: PageRef): Promise<Snapshot> {
    return this.#pages.read(ref);
  }

  async since(ref: PageRef, position: Position): Promise<Since> {
    return this.#pages.since(ref, position);
  }

  async heads(pages: readonly PageRef[]): Promise<(PageHead | undefined)[]> {
    const heads: (PageHead | undefined)[] = [];
    for (const [index, page] of pages.entries()) {
      if (index > 0 && index % HEADS_AT_ONCE === 0) await new Promise(setImmediate);
      heads.push(this.#pages.head(page));
    }
    return heads;
  }

  setRule(board: string, rule: ClaimRule | undefined): void {
    this.#rules.set(board, rule);
  }

  async claims(ref: PageRef): Promise<PageClaims> {
    return this.#pages.claims(ref);
  }

  async releaseExpired(released: Released): Promise<boolean> {
    let cells = 0;
    for (const { page, offsets } of this.#pages.ended()) {
      const done = await releaseEnded(offsets, (batch) => this.commit(page, batch));
      if (!done) continue;
      cells += done.offsets.length;
      released(page, done.offsets, done.committed);
    }
    // If it released fewer, those that it could not release would be found again at once.
    return cells >= ENDED_MAX;
  }

  history(ref: PageRef, range: HistoryRange): Promise<PageHistory | undefined> {
    return this.#history.read(ref, () => this.read(ref), range);
  }

  activity(ref: PageRef, range: HistoryRange, parts: number): Promise<PageActivity | undefined> {
    return this.#history.activity(ref, () => this.read(ref), range, parts);
  }

  enroll(id: string, record: string): Promise<Announced[]> {
    return this.#roll.enroll(id, record);
  }

  async subscribe(ref: PageRef, listener: SubscriptionListener): Promise<Unsubscribe> {
    return this.#listeners.add(pageName(ref), listener);
  }

  restartSubscriptions(): void {}

  /** Deltas are passed in memory, so there is no process to wake up. */
  doze(): void {}

  wake(heard: () => void): void {
    heard();
  }

  get available(): boolean {
    return this.#writes.available;
  }

  get failures(): number {
    return this.#writes.failures;
  }

  onAvailable(listener: (available: boolean) => void): Unsubscribe {
    return this.#writes.onAvailable(listener);
  }

  async close(): Promise<void> {
    if (this.#writes.close()) await this.#root.close();
    this.#lock.release();
  }

  /** Resolves when all commits so far are as safe as the board requires. */
  async #safe(board: string): Promise<void> {
    if (ofBoard(this.#durabilities, board).level === "fsynced") await this.#writes.flushed();
  }
}
