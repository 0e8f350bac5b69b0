/*
 * Keeps every watched page joined on the current connection, each from the position of its replica.
 *
 *     (not asked) ──watch──► asked ──answered──► joined
 *          ▲                   │ refused            │ gap, or released
 *          └──── answered ──── leaving ◄────────────┘
 *                              (unwatch)
 *
 * A page is requested again only after its unwatch is answered. Otherwise frames of the earlier
 * watch could arrive after the later watch stated a position. The replica would then be at a
 * position that the instance does not know, and no later frame would fit.
 */

import { formatPosition } from "../board/position.js";
import type { Clock } from "../protocol/clock.js";
import { refusalOf } from "../protocol/errors.js";
import type { OpenResult } from "../protocol/events.js";
import { ConnectionLost, type Line } from "./line.js";
import type { WatchedPages } from "./watched-pages.js";

interface Listener {
  /** The instance is about to be asked for the page. */
  asked(page: number): void;
  /** The page is up to date, and its instance has sent everything it knows about it. */
  joined(page: number): void;
  /** The page can be read for the first time. */
  loaded(page: number): void;
  /** `isLive` may have changed. */
  changed(): void;
}

type Stage = "asked" | "joined" | "leaving";

export class Joiner {
  readonly #pages: WatchedPages;
  readonly #line: Line;
  readonly #clock: Clock;
  readonly #listener: Listener;
  readonly #stages = new Map<number, Stage>();
  #opened: OpenResult | undefined;
  #isScheduled = false;

  constructor(pages: WatchedPages, line: Line, clock: Clock, listener: Listener) {
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

  /** Requests all watched pages that are not requested yet. */
  join(): void {
    if (this.#opened) void this.#askAll(this.#opened);
    this.#listener.changed();
  }

  /** Joins after the current task, so that pages watched together share one request. */
  joinSoon(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.join();
    });
  }

  /** Leaves pages. Those that are still watched are requested again, after at least `pauseMs`. */
  leave(numbers: readonly number[], pauseMs = 0): void {
    const opened = this.#opened;
    const left = numbers.filter((number) => this.isJoined(number) || this.#stages.get(number) === "asked");
    if (!opened || left.length === 0) return;
    for (const number of left) this.#stages.set(number, "leaving");
    const { watchPagesMax } = opened.limits;
    for (let at = 0; at < left.length; at += watchPagesMax) {
      void this.#unwatch(opened, left.slice(at, at + watchPagesMax), pauseMs);
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
    const asked = numbers.flatMap((number) => {
      const page = this.#pages.get(number);
      return page ? { number, page } : [];
    });
    for (const { number } of asked) {
      this.#stages.set(number, "asked");
      this.#listener.asked(number);
    }
    const pages = asked.map(({ number, page }) => [number, formatPosition(page.replica.position)] as const);
    try {
      await this.#line.request("watch", { handle: opened.handle, pages });
    } catch (error) {
      this.#refused(opened, numbers, error);
      return;
    }
    if (this.#opened !== opened) return;
    for (const { number, page } of asked) {
      // A page that was released and watched again has a new replica, and another answer to come.
      if (this.#pages.get(number) !== page || this.#stages.get(number) !== "asked") continue;
      this.#stages.set(number, "joined");
      this.#listener.joined(number);
      if (this.#pages.markLoaded(page)) this.#listener.loaded(number);
    }
    this.#listener.changed();
  }

  /** Tries again if that may help. Otherwise gives up these pages, and keeps the others. */
  #refused(opened: OpenResult, numbers: readonly number[], error: unknown): void {
    if (error instanceof ConnectionLost || this.#opened !== opened) return;
    const refusal = refusalOf(error);
    const asked = numbers.filter((number) => this.#stages.get(number) === "asked");
    // The instance may have joined some of them in spite of the refusal.
    if (refusal.rule.retry) this.leave(asked, refusal.pauseMs);
    else {
      this.#pages.fail(asked, refusal);
      for (const number of asked) this.#stages.delete(number);
      this.#listener.changed();
    }
  }

  async #unwatch(opened: OpenResult, pages: readonly number[], pauseMs: number): Promise<void> {
    try {
      await this.#line.request("unwatch", { handle: opened.handle, pages });
    } catch (error) {
      this.#later(opened, refusalOf(error).pauseMs, () => void this.#unwatch(opened, pages, pauseMs));
      return;
    }
    this.#later(opened, pauseMs, () => {
      for (const number of pages) this.#stages.delete(number);
      this.join();
    });
  }

  /** Runs `run` if the connection is still the same by then. */
  #later(opened: OpenResult, ms: number, run: () => void): void {
    const check = () => {
      if (this.#opened === opened) run();
    };
    if (ms > 0) this.#clock.after(ms, check);
    else check();
  }
}
