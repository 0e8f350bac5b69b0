/*
 * Keeps an instance's copy of a board's counts in step with the store: subscribes, reads the list,
 * then applies the channel's messages in order.
 *
 *     subscribe ──► read, buffering messages ──► live ◄── message
 *                    ▲                            │
 *                    └── resumed, or found deaf ◄─┤
 *                                                 └── check: some pages' own counts
 *
 * The check keeps list and copy from drifting, whatever was lost: reports along with their
 * instance, messages, or the end of a page's history. It reads the heads of pages (pages/heads.ts),
 * PAGES_A_CHECK every CHECK_EVERY_MS, in a cycle. After a start or an interruption it reads all
 * heads without a pause. It also reads a page's head once its messages stop.
 *
 * If a head differs from the copy, the list is corrected, and the channel publishes the correct
 * entry.
 */

import { type PageRef, pageCount } from "../../board/geometry.js";
import { type Clock, jitter } from "../../protocol/clock.js";
import type { Unsubscribe } from "../../store/listeners.js";
import { type OverviewStore, REPORTS_MAX, type Report, type Tally } from "../../store/overview.js";
import type { PageHead } from "../../store/store.js";
import type { Heads } from "../pages/heads.js";
import type { HostedBoard } from "../pages/pages.js";
import { type Persistence, persist } from "../pages/persist.js";

export interface OverviewListener {
  /** The page's count has changed. */
  changed(page: number): void;
  failed(error: unknown): void;
}

const PAGES_A_CHECK = 1_000;
const CHECK_EVERY_MS = 1_000;
/**
 * A page is quiet this long after its last message. That is longer than an instance takes to
 * report.
 */
const QUIET_MS = 1_000;
/** Quiet pages that one check reads in addition to those whose turn it is. */
const QUIET_PAGES_MAX = 500;
const RETRY_MS = { first: 50, most: 1_000 };
/** A channel that stays silent this long after a correction is deaf. */
const DEAF_MS_MAX = 2_000;

export class OverviewFollower {
  /** Page -> number of checked cells. */
  readonly counts: Uint32Array;
  /** Resolves when the list has been read once. Pending while the store is unavailable. */
  readonly ready: Promise<void>;
  readonly #board: HostedBoard;
  readonly #store: OverviewStore;
  readonly #heads: Heads;
  readonly #clock: Clock;
  readonly #listener: OverviewListener;
  readonly #versions: Float64Array;
  readonly #persistence: Persistence;
  readonly #unread: () => void;
  isReady = false;
  #setReady: () => void = () => undefined;
  #unsubscribe: Unsubscribe | undefined;
  /** Messages that arrive while the list is being read; undefined at other times. */
  #buffer: (readonly Tally[])[] | undefined = [];
  #isStale = true;
  /** Pages with messages since their last check, or left out of it -> when, oldest first. */
  readonly #heard = new Map<number, number>();
  /** The next page to check, the time of the next check, and the pages to check without a pause. */
  #at = 0;
  #nextMs = 0;
  #hurry = 0;
  #corrections: Report[] = [];
  #isCorrecting = false;
  /** Time of the first correction that the channel has not published yet; undefined if none. */
  #unheardMs: number | undefined;
  #isClosed = false;

  constructor(board: HostedBoard, store: OverviewStore, heads: Heads, clock: Clock, listener: OverviewListener) {
    const pages = pageCount(board.size);
    this.counts = new Uint32Array(pages);
    this.#versions = new Float64Array(pages);
    this.#board = board;
    this.#store = store;
    this.#heads = heads;
    this.#clock = clock;
    this.#listener = listener;
    this.#persistence = {
      clock,
      retryMs: RETRY_MS,
      isClosed: () => this.#isClosed,
      failed: (error) => listener.failed(error),
    };
    this.ready = new Promise((done) => {
      this.#setReady = done;
    });
    this.#unread = heads.read({
      due: (nowMs) => this.#due(nowMs),
      asking: (page) => this.#asking(page),
      skipped: ({ page }) => this.#checkSoon(page),
      judged: () => this.#judged(),
      failed: () => this.#checkAll(),
    });
    void this.#start();
  }

  close(): void {
    this.#isClosed = true;
    this.#unread();
    this.#unsubscribe?.();
  }

  async #start(): Promise<void> {
    await persist(this.#persistence, async () => {
      this.#unsubscribe = await this.#store.subscribe(this.#board.name, {
        changed: (tallies) => this.#hear(tallies),
        resumed: () => this.#resumed(),
      });
    });
    if (this.#isClosed) this.#unsubscribe?.();
    await this.#refresh();
  }

  #resumed(): void {
    this.#isStale = true;
    if (!this.#buffer) void this.#refresh();
  }

  /** Reads the list, and repeats that until no interruption occurred meanwhile. */
  async #refresh(): Promise<void> {
    this.#buffer = [];
    while (this.#isStale && !this.#isClosed) await persist(this.#persistence, () => this.#read());
    this.#buffer = undefined;
    void this.#heads.ask();
  }

  #hear(tallies: readonly Tally[]): void {
    this.#unheardMs = undefined;
    if (this.#buffer) this.#buffer.push(tallies);
    else this.#take(tallies);
  }

  #take(tallies: readonly Tally[]): void {
    for (const tally of tallies) {
      this.#set(tally);
      if (tally.page < this.counts.length) this.#checkSoon(tally.page);
    }
  }

  #checkSoon(page: number): void {
    this.#heard.delete(page);
    this.#heard.set(page, this.#clock.now());
  }

  #set({ page, version, checked }: Tally): void {
    // The list may know pages that the board no longer has.
    if (page >= this.counts.length) return;
    this.#versions[page] = version;
    if (this.counts[page] === checked) return;
    this.counts[page] = checked;
    this.#listener.changed(page);
  }

  async #read(): Promise<void> {
    this.#isStale = false;
    this.#unheardMs = undefined;
    this.#buffer = [];
    try {
      const listed = new Map((await this.#store.read(this.#board.name)).map((tally) => [tally.page, tally]));
      for (let page = 0; page < this.counts.length; page++) {
        this.#set(listed.get(page) ?? { page, version: 0, checked: 0 });
      }
    } catch (error) {
      this.#isStale = true;
      throw error;
    }
    // Buffered messages are applied last, because none of them can be older than the list.
    for (const tallies of this.#buffer.splice(0)) this.#take(tallies);
    this.#checkAll();
    this.isReady = true;
    this.#setReady();
  }

  #due(nowMs: number): PageRef[] {
    if (this.#buffer || nowMs < this.#nextMs) return [];
    if (this.#unheardMs !== undefined && nowMs - this.#unheardMs > DEAF_MS_MAX) {
      this.#unheardMs = undefined;
      this.#store.restartSubscription(this.#board.name);
    }
    const pages = this.#takeQuiet(nowMs);
    const end = Math.min(this.counts.length, this.#at + PAGES_A_CHECK);
    for (let page = this.#at; page < end; page++) pages.add(page);
    this.#hurry -= end - this.#at;
    this.#at = end === this.counts.length ? 0 : end;
    if (this.#hurry <= 0) this.#nextMs = nowMs + jitter(this.#clock, CHECK_EVERY_MS);
    return Array.from(pages, (page) => ({ board: this.#board.name, page }));
  }

  #checkAll(): void {
    this.#hurry = this.counts.length;
    this.#nextMs = 0;
  }

  /** Removes and returns the pages whose messages have stopped. */
  #takeQuiet(nowMs: number): Set<number> {
    const quiet = new Set<number>();
    for (const [page, heardMs] of this.#heard) {
      if (heardMs > nowMs - QUIET_MS || quiet.size === QUIET_PAGES_MAX) break;
      quiet.add(page);
      this.#heard.delete(page);
    }
    return quiet;
  }

  #asking({ board, page }: PageRef): ((head: PageHead) => void) | undefined {
    if (board !== this.#board.name || page >= this.counts.length || this.#buffer) return undefined;
    const instead = { version: this.#versions[page] ?? 0, checked: this.counts[page] ?? 0 };
    return ({ position: { version }, checked }) => {
      if (version === instead.version && checked === instead.checked) return;
      // A page that moved meanwhile is being followed. The next check judges it.
      if (this.#versions[page] !== instead.version || this.counts[page] !== instead.checked) return;
      this.#corrections.push({ page, version, checked, instead });
    };
  }

  #judged(): void {
    if (this.#hurry > 0) void this.#heads.ask();
    const corrections = this.#corrections.splice(0);
    // Until the list takes these corrections, further findings are left for later checks.
    if (corrections.length > 0 && !this.#isCorrecting) void this.#correct(corrections);
  }

  async #correct(corrections: readonly Report[]): Promise<void> {
    this.#isCorrecting = true;
    this.#unheardMs ??= this.#clock.now();
    for (let at = 0; at < corrections.length; at += REPORTS_MAX) {
      const reports = corrections.slice(at, at + REPORTS_MAX);
      await persist(this.#persistence, () => this.#store.report(this.#board.name, reports));
    }
    this.#isCorrecting = false;
  }
}
