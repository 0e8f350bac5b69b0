/*
 * Keeps an instance's copy of a board's counts in step with the store: subscribes, reads the list, then takes what the
 * channel tells. The channel is the only way in, so that its order is the order of the list.
 *
 *     subscribe ──► read, buffering what comes ──► live ◄── told
 *                    ▲                              │
 *                    └── resumed, or found deaf ◄───┤
 *                                                   └── check: some pages' own counts, again and again
 *
 * The check is what keeps list and copy from drifting, whatever was lost: reports with their instance, messages, or the tail
 * of a page's history. It asks the pages themselves, PAGES_A_CHECK every CHECK_EVERY_MS, round and round; after a start or an
 * interruption all of them without a pause. Pages that were told of are asked once more when it has become quiet about them:
 * where something was going on, something is most likely to have been lost. Where the answer is another than the copy, it has the list corrected; from there
 * the right count comes back through the channel, or, if the list had it already, the entry is told again.
 */

import { pageCount } from "../../board/geometry.js";
import { backOffMs, type Cancel, type Clock, pause } from "../../protocol/clock.js";
import type { Unsubscribe } from "../../store/listeners.js";
import { REPORTS_MAX, type Report, type Tally } from "../../store/overview.js";
import { type Store, StoreAway } from "../../store/store.js";
import type { HostedBoard } from "../pages/pages.js";

export interface OverviewListener {
  /** The page's count is another now. */
  changed(page: number): void;
  failed(error: unknown): void;
}

export const PAGES_A_CHECK = 1_000;
export const CHECK_EVERY_MS = 1_000;
/** A page is quiet so long after it was told of: longer than an instance takes to report. */
const QUIET_MS = 1_000;
/** Quiet pages that one check asks beside those whose turn it is. */
const QUIET_PAGES_MAX = 500;
const RETRY_MS_FIRST = 50;
const RETRY_MS_MAX = 1_000;
/** A correction is told on the channel; one that hears nothing for so long is deaf. */
const DEAF_MS_MAX = 2_000;

export class OverviewFollower {
  /** Page -> checked cells. */
  readonly counts: Uint32Array;
  /** Resolves when the list has been read once; stays pending while the store is away. */
  readonly ready: Promise<void>;
  readonly #board: HostedBoard;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #listener: OverviewListener;
  readonly #versions: Float64Array;
  isReady = false;
  #setReady: () => void = () => undefined;
  #unsubscribe: Unsubscribe | undefined;
  /** What was told while the list is read. */
  #buffer: (readonly Tally[])[] | undefined;
  #isStale = true;
  /** Pages told of since they were checked last -> when, oldest first. At most one entry for each page. */
  readonly #told = new Map<number, number>();
  /** The next page to check, and how many are to be checked without a pause. */
  #at = 0;
  #hurry = 0;
  /** When the correction was made that the channel has told nothing since. */
  #unheardMs: number | undefined;
  #wake: (() => void) | undefined;
  #isClosed = false;

  constructor(board: HostedBoard, store: Store, clock: Clock, listener: OverviewListener) {
    const pages = pageCount(board.size);
    this.counts = new Uint32Array(pages);
    this.#versions = new Float64Array(pages);
    this.#board = board;
    this.#store = store;
    this.#clock = clock;
    this.#listener = listener;
    this.ready = new Promise((done) => {
      this.#setReady = done;
    });
    void this.#run();
  }

  close(): void {
    this.#isClosed = true;
    this.#unsubscribe?.();
    this.#wake?.();
  }

  async #run(): Promise<void> {
    await this.#persist(async () => {
      this.#unsubscribe = await this.#store.overview.subscribe(this.#board.name, {
        changed: (tallies) => this.#hear(tallies),
        resumed: () => this.#setStale(),
      });
    });
    if (this.#isClosed) this.#unsubscribe?.();
    while (!this.#isClosed) {
      if (this.#isStale) await this.#persist(() => this.#read());
      await this.#persist(() => this.#check());
      if (this.#hurry <= 0 && !this.#isStale) await this.#rest();
    }
  }

  #setStale(): void {
    this.#isStale = true;
    this.#wake?.();
  }

  #rest(): Promise<void> {
    return new Promise((done) => {
      const cancel: Cancel = this.#clock.after(CHECK_EVERY_MS * (0.75 + this.#clock.random() / 2), done);
      this.#wake = () => {
        cancel();
        done();
      };
    });
  }

  #hear(tallies: readonly Tally[]): void {
    this.#unheardMs = undefined;
    if (this.#buffer) this.#buffer.push(tallies);
    else this.#take(tallies);
  }

  #take(tallies: readonly Tally[]): void {
    const now = this.#clock.now();
    for (const tally of tallies) {
      this.#set(tally);
      if (tally.page >= this.counts.length) continue;
      this.#told.delete(tally.page);
      this.#told.set(tally.page, now);
    }
  }

  #set({ page, version, checked }: Tally): void {
    // The list may know pages that the board has no more.
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
      const listed = new Map((await this.#store.overview.read(this.#board.name)).map((tally) => [tally.page, tally]));
      for (let page = 0; page < this.counts.length; page++) {
        this.#set(listed.get(page) ?? { page, version: 0, checked: 0 });
      }
      // Each entry's last message is as new as the list that was read, or newer.
      for (const tallies of this.#buffer) this.#take(tallies);
    } catch (error) {
      this.#isStale = true;
      throw error;
    } finally {
      this.#buffer = undefined;
    }
    this.#hurry = this.counts.length;
    this.isReady = true;
    this.#setReady();
  }

  async #check(): Promise<void> {
    if (this.#unheardMs !== undefined && this.#clock.now() - this.#unheardMs > DEAF_MS_MAX) {
      this.#unheardMs = undefined;
      this.#store.overview.restartSubscription(this.#board.name);
    }
    const start = this.#at;
    const end = Math.min(this.counts.length, start + PAGES_A_CHECK);
    const quiet = this.#takeQuiet();
    const pages = [...quiet];
    for (let page = start; page < end; page++) if (!quiet.has(page)) pages.push(page);
    const held = pages.map((page) => ({ version: this.#versions[page] ?? 0, checked: this.counts[page] ?? 0 }));
    const tallies = await this.#store.overview.tallies(pages.map((page) => ({ board: this.#board.name, page })));
    const corrections = tallies.flatMap((tally, index): Report[] => {
      const instead = held[index];
      if (!tally || !instead || (tally.version === instead.version && tally.checked === instead.checked)) return [];
      // One that moved meanwhile is followed; it is judged the next time.
      const { page } = tally;
      const isMoved = this.#versions[page] !== instead.version || this.counts[page] !== instead.checked;
      return isMoved ? [] : [{ ...tally, instead }];
    });
    this.#at = end === this.counts.length ? 0 : end;
    this.#hurry -= end - start;
    if (corrections.length === 0) return;
    this.#unheardMs ??= this.#clock.now();
    for (let at = 0; at < corrections.length; at += REPORTS_MAX) {
      await this.#store.overview.report(this.#board.name, corrections.slice(at, at + REPORTS_MAX));
    }
  }

  /** Takes out the pages about which it has become quiet. */
  #takeQuiet(): Set<number> {
    const beforeMs = this.#clock.now() - QUIET_MS;
    const quiet = new Set<number>();
    for (const [page, toldMs] of this.#told) {
      if (toldMs > beforeMs || quiet.size === QUIET_PAGES_MAX) break;
      quiet.add(page);
      this.#told.delete(page);
    }
    return quiet;
  }

  /** Does `action` until it succeeds, or the follower is closed. */
  async #persist(action: () => Promise<void>): Promise<void> {
    for (let attempt = 0; !this.#isClosed; attempt++) {
      try {
        return await action();
      } catch (error) {
        if (!(error instanceof StoreAway)) this.#listener.failed(error);
        await pause(this.#clock, backOffMs(this.#clock, attempt, RETRY_MS_FIRST, RETRY_MS_MAX));
      }
    }
  }
}
