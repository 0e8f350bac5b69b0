/*
 * The one loop of an instance that asks the store for the heads of pages. Several parts share the
 * answers, so no head is requested twice:
 *
 *     pages       is the replica at the store's position?   self-healing
 *     frozen      which cells are frozen?                   sent to the page's watchers
 *     overviews   does the list have the page's count?      corrected if not
 *
 * Each reader names the pages that are due for it. The answer for a page goes to every reader that
 * knows the page.
 */

import { type PageRef, pageName } from "../../board/geometry.js";
import { type Clock, every } from "../../protocol/clock.js";
import { type PageHead, type Store, StoreAway } from "../../store/store.js";

export interface HeadReader {
  /** Pages whose heads to request in this round. */
  due(nowMs: number): Iterable<PageRef>;
  /** Called before a page's head is requested. Returns the function that judges the answer. */
  asking(page: PageRef, name: string): ((head: PageHead) => void) | undefined;
  /** All answers of one request have been judged. */
  judged?(): void;
  /** The request failed, so due pages may not have been checked. */
  failed?(): void;
}

export interface HeadsObserver {
  /** The store answered after `ms` milliseconds. */
  checked?(ms: number): void;
  failed(error: unknown): void;
}

const ROUND_EVERY_MS = 200;
const PAGES_A_QUESTION = 1_000;

export class Heads {
  readonly #store: Pick<Store, "heads" | "wake" | "available">;
  readonly #clock: Clock;
  readonly #observer: HeadsObserver;
  readonly #readers = new Set<HeadReader>();
  readonly #stop: () => void;
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
    } catch (error) {
      for (const reader of this.#readers) reader.failed?.();
      if (!(error instanceof StoreAway)) this.#observer.failed(error);
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
    const now = this.#clock.now();
    const due = new Map<string, PageRef>();
    for (const reader of this.#readers) for (const page of reader.due(now)) due.set(pageName(page), page);
    const pages = [...due];
    for (let at = 0; at < pages.length && !this.#isClosed; at += PAGES_A_QUESTION) {
      await this.#question(pages.slice(at, at + PAGES_A_QUESTION));
    }
  }

  async #question(pages: readonly (readonly [name: string, page: PageRef])[]): Promise<void> {
    const judges = pages.map(([name, page]) => Array.from(this.#readers, (reader) => reader.asking(page, name)));
    const startMs = this.#clock.now();
    const heads = await this.#store.heads(pages.map(([, page]) => page));
    this.#observer.checked?.(this.#clock.now() - startMs);
    // News that was published but left unread until the next flush must not look lost.
    await new Promise<void>((heard) => this.#store.wake(heard));
    if (this.#isClosed) return;
    heads.forEach((head, index) => {
      if (head) for (const judge of judges[index] ?? []) judge?.(head);
    });
    for (const reader of this.#readers) reader.judged?.();
  }
}
