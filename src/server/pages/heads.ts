/*
 * The one loop of an instance that asks the store for the heads of pages. Several parts share the
 * answers, so no head is requested twice:
 *
 *     pages       is the replica at the store's position?   self-healing
 *     frozen      which cells are frozen?                   sent to the page's watchers
 *     overviews   does the list have the page's count?      corrected if not
 *
 * Each reader names the pages that are due for it. The answer for a page goes to every reader that
 * knows the page. It is judged as it arrives: while one shard of the store hangs, the pages of the
 * others are checked as often as ever.
 */

import { type PageRef, pageName } from "../../board/geometry.js";
import { type Clock, every } from "../../protocol/clock.js";
import { type PageHead, type Store, StoreAway } from "../../store/store.js";

export interface HeadReader {
  /** Pages whose heads to request in this round. */
  due(nowMs: number): Iterable<PageRef>;
  /** Called before a page's head is requested. Returns the function that judges the answer. */
  asking(page: PageRef, name: string): ((head: PageHead) => void) | undefined;
  /** A due page is not asked for now, because an earlier question is still without its answer. */
  skipped?(page: PageRef, name: string): void;
  /** The answers of one question have all been judged. */
  judged?(): void;
  /** The request failed, so due pages may not have been checked. */
  failed?(): void;
}

export interface HeadsObserver {
  /** The store answered after `ms` milliseconds. */
  checked?(ms: number): void;
  failed(error: unknown): void;
}

type Judge = () => void;

const ROUND_EVERY_MS = 200;
const PAGES_A_QUESTION = 1_000;
/** The loop continues after this time, without the answers that are late. */
const LATE_MS = 50;

export class Heads {
  readonly #store: Pick<Store, "heads" | "wake" | "available">;
  readonly #clock: Clock;
  readonly #observer: HeadsObserver;
  readonly #readers = new Set<HeadReader>();
  readonly #stop: () => void;
  /** Names of the pages whose answer is outstanding. */
  readonly #asked = new Set<string>();
  #unjudged: Judge[] = [];
  /** Resolves when no answer is left to judge. */
  #judging: Promise<void> | undefined;
  #isAsking = false;
  #isAskedAgain = false;
  #isClosed = false;

  constructor(store: Pick<Store, "heads" | "wake" | "available">, clock: Clock, observer: HeadsObserver) {
    this.#store = store;
    this.#clock = clock;
    this.#observer = observer;
    this.#stop = every(clock, ROUND_EVERY_MS, () => this.ask());
  }

  /** Passes heads to `reader` until the returned function is called. */
  read(reader: HeadReader): () => void {
    this.#readers.add(reader);
    return () => this.#readers.delete(reader);
  }

  /** Requests the heads that are due now, without waiting for the next round. */
  async ask(): Promise<void> {
    this.#isAskedAgain = true;
    if (this.#isAsking) return;
    this.#isAsking = true;
    try {
      while (this.#isAskedAgain && !this.#isClosed) {
        this.#isAskedAgain = false;
        await this.#round();
      }
    } finally {
      this.#isAsking = false;
    }
  }

  close(): void {
    this.#isClosed = true;
    this.#stop();
  }

  async #round(): Promise<void> {
    if (!this.#store.available) return;
    const pages = [...this.#due()];
    for (let at = 0; at < pages.length && !this.#isClosed; at += PAGES_A_QUESTION) {
      const hasFailed = await this.#unlessLate(this.#question(pages.slice(at, at + PAGES_A_QUESTION)));
      if (hasFailed) return;
    }
  }

  #due(): Map<string, PageRef> {
    const now = this.#clock.now();
    const due = new Map<string, PageRef>();
    for (const reader of this.#readers) {
      for (const page of reader.due(now)) {
        const name = pageName(page);
        if (this.#asked.has(name)) reader.skipped?.(page, name);
        else due.set(name, page);
      }
    }
    return due;
  }

  #unlessLate<Result>(promise: Promise<Result>): Promise<Result | undefined> {
    return new Promise((done) => {
      const cancel = this.#clock.after(LATE_MS, () => done(undefined));
      void promise.then(done).finally(cancel);
    });
  }

  /** Whether it failed as a whole. */
  async #question(pages: readonly (readonly [name: string, page: PageRef])[]): Promise<boolean> {
    const judges = pages.map(([name, page]) => Array.from(this.#readers, (reader) => reader.asking(page, name)));
    const outstanding = new Map(pages.map(([name], index) => [index, name]));
    const heard = (index: number, head: PageHead | undefined) => {
      const name = outstanding.get(index);
      if (name === undefined) return;
      outstanding.delete(index);
      this.#judge(() => {
        this.#asked.delete(name);
        if (head) for (const judge of judges[index] ?? []) judge?.(head);
      });
    };
    for (const [name] of pages) this.#asked.add(name);
    const startMs = this.#clock.now();
    try {
      const heads = await this.#store.heads(
        pages.map(([, page]) => page),
        heard,
      );
      this.#observer.checked?.(this.#clock.now() - startMs);
      for (const [index, head] of heads.entries()) heard(index, head);
      await this.#judging;
      if (!this.#isClosed) for (const reader of this.#readers) reader.judged?.();
      return false;
    } catch (error) {
      for (const name of outstanding.values()) this.#asked.delete(name);
      for (const reader of this.#readers) reader.failed?.();
      if (!(error instanceof StoreAway)) this.#observer.failed(error);
      return true;
    }
  }

  #judge(judge: Judge): void {
    this.#unjudged.push(judge);
    this.#judging ??= this.#judgeAll().finally(() => {
      this.#judging = undefined;
    });
  }

  async #judgeAll(): Promise<void> {
    // Answers that arrive together are judged together.
    await undefined;
    while (this.#unjudged.length > 0 && !this.#isClosed) {
      const arrived = this.#unjudged;
      this.#unjudged = [];
      // News that was published but left unread until the next flush must not look like a gap.
      await new Promise<void>((heard) => this.#store.wake(heard));
      if (!this.#isClosed) for (const judge of arrived) judge();
    }
  }
}
