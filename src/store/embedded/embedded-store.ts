/*
 * The store inside the process, durable in a data directory: the first run needs nothing installed, and a restart keeps
 * the board. LMDB gives atomic transactions and survives a kill at any moment; commits that are made at the same time
 * share one transaction.
 *
 * One process has the directory to itself (directory-lock.ts); it may run any number of instances over one such store.
 * The rules are those of commit.lua and since.lua: the contract tests hold both to them.
 */

import { mkdirSync } from "node:fs";
import { type Database, type Key, open, type RootDatabase } from "lmdb";
import { type Bit, countBits, setBit, usedBytes } from "../../board/bitmap.js";
import { changedOffset, changedValue, type Delta, packChange, packChanges, type Snapshot } from "../../board/delta.js";
import { type PageRef, pageName } from "../../board/geometry.js";
import type { Position } from "../../board/position.js";
import { ofBoard, valuesOf } from "../by-board.js";
import { DamagedPage, Damages } from "../damage.js";
import { ALL_APPLIED, type Durabilities } from "../durability.js";
import { FROZEN_RANGES_MAX, type Freezing, isIn, type OffsetRange, withRange } from "../frozen.js";
import { type Histories, type HistoryRange, NO_HISTORY, opsBetween, type PageHistory } from "../history.js";
import { Listeners, type Unsubscribe } from "../listeners.js";
import { deltaTo, isDelta, loggedSince } from "../logged.js";
import { encodeOps } from "../ops.js";
import type { OverviewStore, Tally } from "../overview.js";
import { type Announced, LocalRoll, type Roll } from "../roll.js";
import { NOTHING_SEEN, type Seen, takeSeq } from "../seen.js";
import {
  type Batch,
  type Committed,
  type Replaced,
  type Since,
  STORE_LIMITS,
  type Store,
  type StoreLimits,
  StoreUnusable,
  type SubscriptionListener,
  type Write,
  type WriteOutcome,
} from "../store.js";
import { newTag } from "../tag.js";
import { type DirectoryLock, lockDirectory } from "./directory-lock.js";
import { EmbeddedHistory, type RecordDatabase } from "./history.js";
import { LocalInstances } from "./local-instances.js";
import { isNone, LocalOverview } from "./local-overview.js";
import { decodeCount, decodePage, encodePage, type StoredPage, UNTOUCHED } from "./page-record.js";
import { EmbeddedWrites } from "./writes.js";

type PageKey = [board: string, page: number];
type LogKey = [board: string, page: number, version: number];

interface LogEntry {
  readonly fromTag: string;
  readonly toTag: string;
  readonly ops: string;
}

export interface EmbeddedStoreOptions {
  readonly directory: string;
  readonly limits?: StoreLimits;
  readonly durabilities?: Durabilities;
  /** Which boards keep a record of what is done; none without it. */
  readonly histories?: Histories;
  /** Once at the beginning of a time in which it cannot be written, and once at its end. */
  readonly incident?: (message: string, cause?: unknown) => void;
  /** Milliseconds; for tests. */
  readonly now?: () => number;
  /** Milliseconds of a clock that never jumps; for tests. */
  readonly elapsed?: () => number;
}

export class EmbeddedStore implements Store, Freezing, Roll {
  readonly engine = "embedded";
  readonly overview: OverviewStore;
  readonly #limits: StoreLimits;
  readonly #durabilities: Durabilities;
  readonly #now: () => number;
  readonly #elapsed: () => number;
  readonly #damages: Damages;
  readonly #lock: DirectoryLock;
  readonly #root: RootDatabase;
  readonly #writes: EmbeddedWrites;
  readonly #pages: Database<Buffer, PageKey>;
  readonly #log: Database<LogEntry, LogKey>;
  readonly #seen: Database<Seen, Key>;
  readonly #frozen: Database<OffsetRange[], PageKey>;
  /** The list of overview.ts. */
  readonly #tallies: Database<Tally, PageKey>;
  readonly #instances: LocalInstances;
  readonly #history: EmbeddedHistory;
  /**
   * Page -> its current generation: how many sessions are remembered, and since when by a clock that never jumps. After a
   * start the time counts from the first commit, so a generation may live longer, never shorter.
   */
  readonly #generations = new Map<string, { sessions: number; sinceMs: number }>();
  readonly #listeners = new Listeners<SubscriptionListener>();

  readonly #roll: LocalRoll;

  private constructor(options: EmbeddedStoreOptions, lock: DirectoryLock) {
    this.#limits = options.limits ?? STORE_LIMITS;
    this.#durabilities = options.durabilities ?? ALL_APPLIED;
    this.#now = options.now ?? Date.now;
    this.#elapsed = options.elapsed ?? (() => performance.now());
    this.#damages = new Damages(options.incident ?? (() => undefined));
    this.#roll = new LocalRoll(this.#now);
    this.#lock = lock;
    // Else a dot in its name would make it a file.
    // And LMDB must not begin transactions of its own for each turn: if one failed, nobody would hold its promise.
    this.#root = open({ path: options.directory, noSubdir: false, maxDbs: 6, eventTurnBatching: false });
    this.#writes = new EmbeddedWrites(this.#root, {
      directory: options.directory,
      forget: () => {
        this.#generations.clear();
        this.#history.forgetCounts();
      },
      incident: options.incident ?? (() => undefined),
    });
    this.#pages = this.#root.openDB({ name: "pages", encoding: "binary" });
    this.#log = this.#root.openDB({ name: "log" });
    this.#seen = this.#root.openDB({ name: "seen" });
    this.#frozen = this.#root.openDB({ name: "frozen" });
    this.#tallies = this.#root.openDB({ name: "tallies" });
    this.#instances = new LocalInstances(this.#now);
    const records: RecordDatabase = this.#root.openDB({ name: "history" });
    this.#history = new EmbeddedHistory(records, options.histories ?? NO_HISTORY, this.#now);
    this.overview = this.#openOverview();
  }

  /** Rejects with StoreUnusable if another process has the directory, it cannot be written, or a board asks for replicas. */
  static async open(options: EmbeddedStoreOptions): Promise<EmbeddedStore> {
    if (valuesOf(options.durabilities ?? ALL_APPLIED).some(({ level }) => level === "replicated")) {
      throw new StoreUnusable(
        "a board asks for durability replicated, which takes Valkey: set VALKEY_URL, or DURABILITY to applied or fsynced",
      );
    }
    try {
      mkdirSync(options.directory, { recursive: true });
    } catch (error) {
      throw new StoreUnusable(`cannot write to the data directory ${options.directory}`, error);
    }
    const lock = await lockDirectory(options.directory);
    try {
      return new EmbeddedStore(options, lock);
    } catch (error) {
      lock.release();
      throw new StoreUnusable(`cannot open the data directory ${options.directory}`, error);
    }
  }

  async commit(ref: PageRef, batch: Batch): Promise<Committed> {
    const { committed, delta } = await this.#writes.transaction(() => this.#commitNow(ref, batch));
    if (delta) for (const listener of this.#listeners.of(pageName(ref))) listener.delta(delta);
    await this.#safe(ref.board);
    return committed;
  }

  async replace(ref: PageRef, tag: string, bits: Uint8Array): Promise<Replaced> {
    const { replaced, delta } = await this.#writes.transaction(() => this.#replaceNow(ref, tag, bits));
    this.#damages.found(ref, "record", true);
    if (delta) for (const listener of this.#listeners.of(pageName(ref))) listener.delta(delta);
    await this.#safe(ref.board);
    return replaced;
  }

  async freeze(ref: PageRef, range: OffsetRange, isFrozen: boolean): Promise<boolean> {
    const isDone = await this.#writes.transaction(() => {
      const ranges = withRange(this.#frozenNow(ref), range, isFrozen);
      if (ranges.length > FROZEN_RANGES_MAX) return false;
      this.#frozen.put([ref.board, ref.page], ranges);
      return true;
    });
    await this.#safe(ref.board);
    return isDone;
  }

  async frozen(pages: readonly PageRef[]): Promise<(readonly OffsetRange[])[]> {
    return pages.map((page) => this.#frozenNow(page));
  }

  /** Of the instances of this process. */
  enroll(id: string, record: string): Promise<Announced[]> {
    return this.#roll.enroll(id, record);
  }

  async read(ref: PageRef): Promise<Snapshot> {
    const { position, bits } = this.#load(ref);
    return { kind: "snapshot", page: ref.page, position, bits };
  }

  async since(ref: PageRef, position: Position): Promise<Since> {
    const page = this.#load(ref);
    const log = this.#logged(ref, position.version, page.position.version);
    const deltas = loggedSince(log, position, page.position);
    return deltas ? { kind: "deltas", deltas } : this.read(ref);
  }

  async subscribe(ref: PageRef, listener: SubscriptionListener): Promise<Unsubscribe> {
    return this.#listeners.add(pageName(ref), listener);
  }

  async history(ref: PageRef, range: HistoryRange): Promise<PageHistory | undefined> {
    return this.#history.read(ref, () => this.read(ref), range);
  }

  async positions(pages: readonly PageRef[]): Promise<(Position | undefined)[]> {
    return pages.map((page) => this.#loadValid(page)?.position);
  }

  async announce(instance: string, text: string): Promise<readonly string[]> {
    return this.#instances.announce(instance, text);
  }

  restartSubscriptions(): void {}

  /** Nobody is woken by what is published here. */
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

  #openOverview(): OverviewStore {
    const tallies = this.#tallies;
    return new LocalOverview({
      tally: (ref) => {
        const record = this.#pages.getBinaryFast([ref.board, ref.page]);
        try {
          return { page: ref.page, ...(record ? decodeCount(record) : { version: 0, checked: 0 }) };
        } catch (error) {
          if (!(error instanceof DamagedPage)) throw error;
          this.#damages.found(ref, "record", false, error);
          return undefined;
        }
      },
      entry: (board, page) => tallies.get([board, page]),
      entries: (board, from) =>
        tallies.getRange({ start: [board, from], end: [board, Number.MAX_SAFE_INTEGER] }).map(({ value }) => value),
      put: (board, entry) => {
        if (isNone(entry)) tallies.remove([board, entry.page]);
        else tallies.put([board, entry.page], entry);
      },
      // LMDB answers at once: without a pause in between, all pages of a large board would be one step.
      read: async (action) => {
        await new Promise(setImmediate);
        return action();
      },
      atomically: (action) => this.#writes.transaction(action),
    });
  }

  /** Resolves when what was committed is as safe as the board asks. */
  async #safe(board: string): Promise<void> {
    if (ofBoard(this.#durabilities, board).level === "fsynced") await this.#writes.flushed();
  }

  #load(ref: PageRef): StoredPage {
    try {
      return this.#decode(ref);
    } catch (error) {
      this.#damages.found(ref, "record", false, error);
      throw error;
    }
  }

  #decode(ref: PageRef): StoredPage {
    const record = this.#pages.get([ref.board, ref.page]);
    return record ? decodePage(record) : UNTOUCHED;
  }

  /** Undefined if the record is not valid, which is for the caller to mend. */
  #stored(ref: PageRef): StoredPage | undefined {
    try {
      return this.#decode(ref);
    } catch (error) {
      if (!(error instanceof DamagedPage)) throw error;
      return undefined;
    }
  }

  /** An untouched page at a position that nobody has, as new as the log knows. */
  #forRepair(ref: PageRef): StoredPage {
    const start: LogKey = [ref.board, ref.page, Number.MAX_SAFE_INTEGER];
    const end: LogKey = [ref.board, ref.page, 0];
    const [newest] = this.#log.getKeys({ start, end, reverse: true, limit: 1 });
    return { ...UNTOUCHED, position: { version: newest?.[2] ?? 0, tag: newTag() } };
  }

  #loadValid(ref: PageRef): StoredPage | undefined {
    try {
      return this.#load(ref);
    } catch (error) {
      if (!(error instanceof DamagedPage)) throw error;
      return undefined;
    }
  }

  #frozenNow(ref: PageRef): readonly OffsetRange[] {
    return this.#frozen.get([ref.board, ref.page]) ?? [];
  }

  /** Runs inside a write transaction: all reads and writes here are one step. */
  #commitNow(ref: PageRef, batch: Batch): { committed: Committed; delta: Delta | undefined } {
    const before = this.#load(ref);
    const page = { ...before, bits: growTo(before.bits, batch) };
    const rotated = this.#rotateSeen(ref, page);
    const effects: [number, Bit][] = [];
    const frozen = batch.overridesFreeze ? [] : this.#frozenNow(ref);
    const outcomes = batch.writes.map((write) => {
      const isFrozen = frozen.length > 0 && write.changes.some((change) => isIn(frozen, changedOffset(change)));
      const outcome = this.#take(ref, page.generation, write, isFrozen);
      if (outcome !== "taken") return outcome;
      for (const change of write.changes) {
        const value = changedValue(change);
        if (!setBit(page.bits, changedOffset(change), value)) continue;
        page.checked += value ? 1 : -1;
        effects.push([changedOffset(change), value]);
      }
      return outcome;
    });
    const delta = effects.length > 0 ? this.#advance(ref, page, batch.tag, effects) : undefined;
    if (delta || rotated) this.#pages.put([ref.board, ref.page], encodePage(page));
    const refusedFor = outcomes.includes("frozen") ? { frozen } : {};
    return { committed: { position: page.position, outcomes, checked: page.checked, ...refusedFor }, delta };
  }

  #replaceNow(ref: PageRef, tag: string, bits: Uint8Array): { replaced: Replaced; delta: Delta | undefined } {
    const stored = this.#stored(ref);
    // What is not valid is replaced too: so a restore repairs a page.
    const page = stored ?? this.#forRepair(ref);
    const used = bits.slice(0, usedBytes(bits));
    const { position, checked } = page;
    if (stored && Buffer.compare(used, page.bits.subarray(0, usedBytes(page.bits))) === 0) {
      return { replaced: { position, checked, isReplaced: false }, delta: undefined };
    }
    const to = { version: position.version + 1, tag };
    const after = { ...page, position: to, checked: countBits(used), bits: used };
    this.#pages.put([ref.board, ref.page], encodePage(after));
    this.#history.add(ref, position, to, opsBetween(page.bits, used), used);
    const start: LogKey = [ref.board, ref.page, 0];
    const end: LogKey = [ref.board, ref.page, Number.MAX_SAFE_INTEGER];
    for (const key of this.#log.getKeys({ start, end })) this.#log.remove(key);
    // Which generation was current is not known, so its sessions are counted anew.
    if (!stored) this.#generations.delete(pageName(ref));
    // A delta that builds on what nobody has: whoever hears it asks for what came since, and is given the snapshot.
    const from = { version: position.version, tag: newTag() };
    const delta: Delta = { kind: "delta", page: ref.page, from, to, changes: new Uint32Array(0) };
    return { replaced: { position: to, checked: after.checked, isReplaced: true }, delta };
  }

  #advance(ref: PageRef, page: { position: Position; bits: Uint8Array }, tag: string, effects: [number, Bit][]): Delta {
    const from = page.position;
    const to = { version: from.version + 1, tag };
    const changes = packChanges(effects);
    page.position = to;
    this.#history.add(ref, from, to, effects, page.bits);
    this.#log.put([ref.board, ref.page, to.version], { fromTag: from.tag, toTag: tag, ops: encodeOps(changes) });
    this.#log.remove([ref.board, ref.page, to.version - this.#limits.logDeltasMax]);
    return { kind: "delta", page: ref.page, from, to, changes };
  }

  /** Reads as it is iterated. */
  *#logged(ref: PageRef, fromVersion: number, toVersion: number): Iterable<Delta> {
    const start: LogKey = [ref.board, ref.page, fromVersion + 1];
    const end: LogKey = [ref.board, ref.page, toVersion + 1];
    for (const { key, value } of this.#log.getRange({ start, end })) {
      if (!isDelta(key[2], value.fromTag, value.toTag, value.ops)) return;
      yield deltaTo(ref.page, key[2], value.fromTag, value.toTag, value.ops);
    }
  }

  #take(ref: PageRef, generation: number, { session, seq }: Write, isFrozen: boolean): WriteOutcome {
    if (session === "") return isFrozen ? "frozen" : "taken";
    const newer = [ref.board, ref.page, generation, session];
    const older = [ref.board, ref.page, 1 - generation, session];
    const current = this.#seen.get(newer);
    const seen = current ?? this.#seen.get(older) ?? NOTHING_SEEN;
    const after = takeSeq(seen, seq);
    if (after.outcome === "taken" && isFrozen) return "frozen";
    if (after.seen === seen) return after.outcome;
    this.#seen.put(newer, after.seen);
    const remembered = this.#generations.get(pageName(ref));
    if (!current && remembered) remembered.sessions++;
    return after.outcome;
  }

  /** Sessions are remembered in two generations; the older goes whole when the newer is old enough, or full. */
  #rotateSeen(ref: PageRef, page: { generation: number; generationStart: number }): boolean {
    const now = this.#elapsed();
    const range = (generation: number) => ({
      start: [ref.board, ref.page, generation],
      end: [ref.board, ref.page, generation + 1],
    });
    const name = pageName(ref);
    // Counted once for each page and process, then kept up by #take.
    const current = this.#generations.get(name) ?? {
      sessions: this.#seen.getKeysCount(range(page.generation)),
      sinceMs: now,
    };
    this.#generations.set(name, current);
    const { seenMs, seenSessionsMax } = this.#limits;
    if (now - current.sinceMs <= seenMs && current.sessions <= seenSessionsMax) return false;
    this.#generations.set(name, { sessions: 0, sinceMs: now });
    page.generation = 1 - page.generation;
    page.generationStart = this.#now();
    for (const key of this.#seen.getKeys(range(page.generation))) this.#seen.remove(key);
    return true;
  }
}

/** A copy of `bits` long enough for every change of the batch. */
function growTo(bits: Uint8Array, batch: Batch): Uint8Array {
  let length = bits.length;
  for (const { changes } of batch.writes) {
    length = Math.max(length, (changedOffset(changes.at(-1) ?? packChange(0, 0)) >>> 3) + 1);
  }
  const grown = new Uint8Array(length);
  grown.set(bits);
  return grown;
}
