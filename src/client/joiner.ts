/*
 * The joiner keeps every watched page joined on the present connection, each from the position that is held.
 *
 *     (not asked) ──watch──► asked ──answered──► joined
 *          ▲                   │ refused            │ gap, or let go
 *          └──── answered ──── leaving ◄────────────┘
 *                              (unwatch)
 *
 * A page is asked for again only when its unwatch is answered. Else frames of the earlier watch could arrive after the
 * position was said in the next: the client would stand where the instance does not know it to be, and where nothing more
 * fits. On one connection all is in order, so this is enough.
 */

import { formatPosition } from "../board/position.js";
import type { Clock } from "../protocol/clock.js";
import { Refusal, refusalOf } from "../protocol/errors.js";
import type { OpenResult } from "../protocol/events.js";
import { ConnectionLost, type Line } from "./line.js";
import type { WatchedPages } from "./watched-pages.js";

export interface JoinerListener {
  /** The instance is about to be asked for the page. */
  asked(page: number): void;
  /** The page is up to date, and all that its instance knows of it has been said. */
  joined(page: number): void;
  /** The page can be read for the first time. */
  loaded(page: number): void;
  /** `isLive` may have changed. */
  changed(): void;
}

type Stage = "asked" | "joined" | "leaving";

const RETRY_MS = 500;

export class Joiner {
  readonly #pages: WatchedPages;
  readonly #line: Line;
  readonly #clock: Clock;
  readonly #listener: JoinerListener;
  readonly #stages = new Map<number, Stage>();
  #opened: OpenResult | undefined;

  constructor(pages: WatchedPages, line: Line, clock: Clock, listener: JoinerListener) {
    this.#pages = pages;
    this.#line = line;
    this.#clock = clock;
    this.#listener = listener;
  }

  /** Whether every watched page is up to date. */
  get isLive(): boolean {
    return this.#opened !== undefined && this.#pages.numbers.every((number) => this.isJoined(number));
  }

  isJoined(page: number): boolean {
    return this.#stages.get(page) === "joined";
  }

  connected(opened: OpenResult): void {
    this.#opened = opened;
    this.#stages.clear();
    this.join();
  }

  disconnected(): void {
    this.#opened = undefined;
    this.#stages.clear();
  }

  /** Asks for all watched pages that are not asked for. */
  join(): void {
    if (this.#opened) void this.#askAll(this.#opened);
    this.#listener.changed();
  }

  /** Gives pages up; those that are watched still, or by then, are asked for again, at the earliest `afterMs` later. */
  leave(numbers: readonly number[], afterMs = 0): void {
    const opened = this.#opened;
    const left = numbers.filter((number) => {
      const stage = this.#stages.get(number);
      return stage === "asked" || stage === "joined";
    });
    if (!opened || left.length === 0) return;
    for (const number of left) this.#stages.set(number, "leaving");
    for (let at = 0; at < left.length; at += opened.limits.watchPagesMax) {
      void this.#unwatch(opened, left.slice(at, at + opened.limits.watchPagesMax), afterMs);
    }
    this.#listener.changed();
  }

  async #askAll(opened: OpenResult): Promise<void> {
    while (this.#opened === opened) {
      const unasked = this.#pages.numbers.filter((number) => !this.#stages.has(number));
      if (unasked.length === 0) return;
      await this.#ask(opened, unasked.slice(0, opened.limits.watchPagesMax));
    }
  }

  async #ask(opened: OpenResult, numbers: readonly number[]): Promise<void> {
    const asked = numbers.map((number) => ({ number, page: this.#pages.get(number) }));
    const pages = asked.flatMap(({ number, page }) =>
      page ? [[number, formatPosition(page.replica.position)] as const] : [],
    );
    for (const [number] of pages) {
      this.#stages.set(number, "asked");
      this.#listener.asked(number);
    }
    try {
      await this.#line.request("watch", { handle: opened.handle, pages });
    } catch (error) {
      this.#refused(opened, numbers, error);
      return;
    }
    if (this.#opened !== opened) return;
    for (const { number, page } of asked) {
      // Let go and held again meanwhile, it is another replica, with an answer of its own to come.
      if (!page || this.#pages.get(number) !== page || this.#stages.get(number) !== "asked") continue;
      this.#stages.set(number, "joined");
      this.#listener.joined(number);
      if (this.#pages.markLoaded(page)) this.#listener.loaded(number);
    }
    this.#listener.changed();
  }

  /** A watch that may succeed later is tried again; one that cannot is given up, and the board goes on without it. */
  #refused(opened: OpenResult, numbers: readonly number[], error: unknown): void {
    if (error instanceof ConnectionLost || this.#opened !== opened) return;
    const refusal = refusalOf(error);
    const asked = numbers.filter((number) => this.#stages.get(number) === "asked");
    // Some of them may be joined all the same, as the instance sees it.
    if (refusal.rule.retry) this.leave(asked, refusal.retryAfterMs ?? RETRY_MS);
    else {
      this.#pages.fail(asked, refusal);
      for (const number of asked) this.#stages.delete(number);
      this.#listener.changed();
    }
  }

  async #unwatch(opened: OpenResult, pages: readonly number[], afterMs: number): Promise<void> {
    try {
      await this.#line.request("unwatch", { handle: opened.handle, pages });
    } catch (error) {
      const retryMs = error instanceof Refusal ? (error.retryAfterMs ?? RETRY_MS) : RETRY_MS;
      this.#later(opened, retryMs, () => void this.#unwatch(opened, pages, afterMs));
      return;
    }
    this.#later(opened, afterMs, () => {
      for (const number of pages) this.#stages.delete(number);
      this.join();
    });
  }

  /** Unless the connection is another by then. */
  #later(opened: OpenResult, ms: number, run: () => void): void {
    const check = () => {
      if (this.#opened === opened) run();
    };
    if (ms > 0) this.#clock.after(ms, check);
    else check();
  }
}
