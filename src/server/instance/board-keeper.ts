/*
 * Keeps the boards of an instance in step with their records in the store (store/boards.ts).
 *
 *     start    write a record for each board of BOARDS that has none, and grow those that are
 *              smaller; then serve what the records say
 *     live     news, and a check every CHECK_MS ──► read all records ──► serve what they say
 *
 * A store that has lost all its records gets those of the boards that are served here.
 */

import { type Cancel, type Clock, every, jitter, pause } from "../../protocol/clock.js";
import { Refusal } from "../../protocol/errors.js";
import type { BoardRecord, BoardRecords } from "../../store/boards.js";
import { ofBoard } from "../../store/by-board.js";
import { type ClaimRule, type ClaimRules, formatRule, ruleIn } from "../../store/claims.js";
import type { Unsubscribe } from "../../store/listeners.js";
import { oneAtATime } from "../pages/one-at-a-time.js";
import type { HostedBoard } from "../pages/pages.js";
import { type Persistence, persist } from "../pages/persist.js";
import type { Frame } from "../pages/recipient.js";

/** A board has another size: it was added if it had none before, and removed if it has none now. */
export interface Resized {
  readonly board: HostedBoard;
  /** The size before. */
  readonly before: number;
  /** Tells clients. */
  readonly frame: Frame;
}

/** Objects, as there is one for each client. */
export interface ResizeListener {
  /** Must not throw. */
  resized(resized: Resized): void;
}

type Hosted = HostedBoard & { size: number; claims?: ClaimRule | undefined };

interface KeeperOptions {
  /** The boards of BOARDS, with the number of cells that each has at least. */
  readonly boards: Readonly<Record<string, number>>;
  readonly records: BoardRecords;
  /** The rules of CLAIMS. Other boards have those of their records. */
  readonly claims: ClaimRules;
  /** A board has this rule from now on. */
  readonly ruled: (board: string, rule: ClaimRule | undefined) => void;
  readonly clock: Clock;
  readonly failed: (error: unknown) => void;
}

const CHECK_MS = 2_000;
const RETRY_MS = { first: 50, most: 1_000 };
/** An instance whose store does not give the records starts without them after this. */
const START_MS_MAX = 3_000;
/** A change that meets others is tried this often. */
const ATTEMPTS_MAX = 10;
const HANDLES = 65_536;

export class BoardKeeper {
  readonly boards: ReadonlyMap<string, HostedBoard>;
  readonly #boards = new Map<string, Hosted>();
  readonly #options: KeeperOptions;
  readonly #persistence: Persistence;
  readonly #listeners = new Set<ResizeListener>();
  readonly #timers = new Set<Cancel>();
  /** Reads the records, and serves what they say. */
  readonly #refresh = oneAtATime(() => persist(this.#persistence, () => this.#catchUp()));
  #records: ReadonlyMap<string, BoardRecord> = new Map();
  #made = 0;
  #isSettled = false;
  #unsubscribe: Unsubscribe | undefined;
  #isClosed = false;

  constructor(options: KeeperOptions) {
    const { clock, failed } = options;
    this.boards = this.#boards;
    this.#options = options;
    this.#persistence = { clock, retryMs: RETRY_MS, isClosed: () => this.#isClosed, failed };
    for (const [name, size] of Object.entries(options.boards)) this.#host(name, size);
  }

  /**
   * Resolves when the boards are as the records say, or if the store does not give them soon. An
   * instance without boards of its own, such as a relay, could serve nothing, so it waits for them.
   */
  async start(): Promise<void> {
    const { clock, records } = this.#options;
    const hasBoards = this.#boards.size > 0;
    const following = persist(this.#persistence, () => records.subscribe(() => void this.#refresh())).then(
      (unsubscribe) => {
        this.#unsubscribe = unsubscribe;
        if (this.#isClosed) return unsubscribe?.();
        this.#timers.add(
          every(
            clock,
            () => jitter(clock, CHECK_MS),
            () => this.#refresh(),
          ),
        );
        return this.#refresh();
      },
    );
    if (!hasBoards) return following;
    let cancel: Cancel = () => undefined;
    const late = new Promise<void>((done) => {
      cancel = clock.after(START_MS_MAX, done);
    });
    await Promise.race([following, late]);
    cancel();
  }

  /** Calls the listener after each change of a size, until `forget`. */
  tell(listener: ResizeListener): void {
    this.#listeners.add(listener);
  }

  forget(listener: ResizeListener): void {
    this.#listeners.delete(listener);
  }

  /**
   * Replaces the record of a board by the one that `next` returns, or removes it. Resolves when
   * this instance has taken the change. Rejects with StoreAway, or with what `next` throws.
   */
  async change(name: string, next: (record: BoardRecord | undefined) => BoardRecord | undefined): Promise<void> {
    const { clock, records } = this.#options;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const before = (await records.list())?.get(name);
      const after = next(before);
      const whole = after && { ...this.#recordOf(name, before), ...after };
      if (await records.change(name, before, whole)) return this.#refresh();
      await pause(clock, RETRY_MS.first * clock.random());
    }
    throw new Refusal("BUSY", { retryAfterMs: RETRY_MS.most });
  }

  /** Runs `run` after `ms`, unless this is closed before. */
  later(ms: number, run: () => void): void {
    const cancel = this.#options.clock.after(ms, () => {
      this.#timers.delete(cancel);
      run();
    });
    this.#timers.add(cancel);
  }

  close(): void {
    this.#isClosed = true;
    this.#unsubscribe?.();
    for (const cancel of this.#timers) cancel();
  }

  async #catchUp(): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const records = await this.#options.records.list();
      if (this.#isClosed) return;
      const due = this.#due(records);
      if (due.length === 0) {
        this.#isSettled = true;
        this.#serve(records ?? new Map());
        return;
      }
      for (const { name, size } of due) {
        const before = records?.get(name);
        await this.#options.records.change(name, before, { ...this.#recordOf(name, before), size });
      }
    }
    throw new Error(
      "the board records cannot be written: look in the log for a damaged record, then restore or delete it",
    );
  }

  /** The record to write for a board that has the record `before`, or none. */
  #recordOf(name: string, before: BoardRecord | undefined): Omit<BoardRecord, "size"> {
    const claims = formatRule(ofBoard(this.#options.claims, name));
    return before ?? this.#records.get(name) ?? (claims === undefined ? {} : { claims });
  }

  /** The boards whose record is missing, or too small at the start. */
  #due(records: ReadonlyMap<string, BoardRecord> | undefined): HostedBoard[] {
    if (records && this.#isSettled) return [];
    return [...this.#boards.values()].filter(({ name, size }) => (records?.get(name)?.size ?? 0) < size);
  }

  #serve(records: ReadonlyMap<string, BoardRecord>): void {
    this.#records = records;
    for (const [name, { size, claims }] of records) {
      const board = this.#boards.get(name) ?? this.#host(name, 0);
      // First, as a board that has grown may be written to at once.
      if (formatRule(board.claims) !== claims) this.#rule(board, ruleIn(claims));
      if (board.size !== size) this.#resize(board, size);
    }
    for (const board of this.#boards.values()) {
      if (records.has(board.name)) continue;
      this.#boards.delete(board.name);
      this.#resize(board, 0);
    }
  }

  #host(name: string, size: number) {
    const taken = new Set(Array.from(this.#boards.values(), ({ handle }) => handle));
    while (taken.has(this.#made % HANDLES)) this.#made++;
    const board = { name, size, handle: this.#made++ % HANDLES, claims: ofBoard(this.#options.claims, name) };
    this.#boards.set(name, board);
    return board;
  }

  #rule(board: Hosted, rule: ClaimRule | undefined): void {
    board.claims = rule;
    this.#options.ruled(board.name, rule);
  }

  #resize(board: Hosted, size: number): void {
    const { handle, size: before } = board;
    board.size = size;
    const frame: Frame = { kind: "resized", resized: { handle, size } };
    for (const listener of [...this.#listeners]) listener.resized({ board, before, frame });
  }
}
