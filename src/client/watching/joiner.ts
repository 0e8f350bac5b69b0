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

import { formatPosition, GENESIS } from "../../board/position.js";
import type { Replica } from "../../board/replica.js";
import type { Clock } from "../../protocol/clock.js";
import type { OpenResult, WatchResult } from "../../protocol/events.js";
import { Refusal } from "../../protocol/refusal.js";
import type { Line, Outcome } from "../links/line.js";
import { soon } from "../timing/soon.js";
import type { WatchedPage, WatchedPages } from "./watched-pages.js";

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

interface Asked {
  readonly number: number;
  /** Undefined while the page is not held yet. */
  page: WatchedPage | undefined;
  /** Whose position was stated. */
  readonly replica: Replica | undefined;
}

/** The first protocol that lets a request name a board that is being opened. */
const EARLY_PROTOCOL = 2;
/** No more than any instance takes in one request. */
const EARLY_PAGES_MAX = 256;

type Stage = "asked" | "joined" | "leaving";

export class Joiner {
  readonly #pages: WatchedPages;
  readonly #line: Line;
  readonly #clock: Clock;
  readonly #listener: Listener;
  readonly #stages = new Map<number, Stage>();
  #opened: OpenResult | undefined;
  /** The pages asked for right after `open`. */
  #early: Asked[] | undefined;

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

  /** Asks for pages right after the request to open `board`, if the protocol allows it. */
  connecting(board: string): void {
    if (this.#line.protocol < EARLY_PROTOCOL) return;
    const numbers = this.#pages.wanted(EARLY_PAGES_MAX);
    if (numbers.length === 0) return;
    const early = this.#asked(numbers);
    this.#early = early;
    this.#line.request("watch", { board, pages: entriesOf(early) }, (outcome) => {
      if (this.#early !== early) return;
      this.#early = undefined;
      const opened = this.#opened;
      if (!opened) return;
      const there = early.filter(({ number }) => number < opened.pages);
      this.#answered(opened, there, outcome);
    });
  }

  connected(opened: OpenResult): void {
    this.#opened = opened;
    this.#stages.clear();
    const changed: number[] = [];
    for (const asked of this.#early ?? []) {
      const { number, replica } = asked;
      if (number >= opened.pages) continue;
      // Now that the board's size is known, the page is held.
      asked.page ??= this.#pages.get(number);
      this.#stages.set(number, "asked");
      const held = this.#pages.get(number);
      // Nobody watches it any more, or its replica is another one now.
      if (!held || (replica && held.replica !== replica)) changed.push(number);
    }
    this.leave(changed);
    this.join();
  }

  disconnected(): void {
    this.#opened = undefined;
    this.#early = undefined;
    this.#stages.clear();
  }

  /** Requests all watched pages that are not requested yet. */
  join(): void {
    if (this.#opened) this.#askAll(this.#opened);
    this.#listener.changed();
  }

  /** Joins after the current task, so that pages watched together share one request. */
  readonly joinSoon = soon(() => this.join());

  /** Leaves pages. Those that are still watched are requested again, after at least `pauseMs`. */
  leave(numbers: readonly number[], pauseMs = 0): void {
    const opened = this.#opened;
    const left = numbers.filter((number) => this.isJoined(number) || this.#stages.get(number) === "asked");
    if (!opened || left.length === 0) return;
    for (const number of left) this.#stages.set(number, "leaving");
    const { watchPagesMax } = opened.limits;
    for (let at = 0; at < left.length; at += watchPagesMax) {
      this.#unwatch(opened, left.slice(at, at + watchPagesMax), pauseMs);
    }
    this.#listener.changed();
  }

  #askAll(opened: OpenResult): void {
    const unasked = this.#pages.numbers.filter((number) => !this.#stages.has(number));
    if (unasked.length === 0) return;
    const asked = this.#asked(unasked.slice(0, opened.limits.watchPagesMax));
    this.#line.request("watch", { handle: opened.handle, pages: entriesOf(asked) }, (outcome) => {
      if (this.#opened === opened) this.#answered(opened, asked, outcome);
    });
  }

  /** The pages as they are asked for now. */
  #asked(numbers: readonly number[]): Asked[] {
    return numbers.map((number) => {
      this.#stages.set(number, "asked");
      this.#listener.asked(number);
      const page = this.#pages.get(number);
      return { number, page, replica: page?.replica };
    });
  }

  #answered(opened: OpenResult, asked: readonly Asked[], outcome: Outcome<WatchResult>): void {
    if (!outcome) return;
    if (outcome instanceof Refusal) this.#refused(asked, outcome);
    else this.#joined(asked);
    this.#askAll(opened);
  }

  #joined(asked: readonly Asked[]): void {
    for (const { number, page } of asked) {
      // A page that was released and held again has another replica, and its own answer to come.
      if (!page || this.#pages.get(number) !== page || this.#stages.get(number) !== "asked") continue;
      this.#stages.set(number, "joined");
      this.#listener.joined(number);
      if (this.#pages.markLoaded(page)) this.#listener.loaded(number);
    }
    this.#listener.changed();
  }

  /** Tries again if that may help. Otherwise gives up these pages, and keeps the others. */
  #refused(asked: readonly Asked[], refusal: Refusal): void {
    const numbers = asked.flatMap(({ number }) => (this.#stages.get(number) === "asked" ? number : []));
    // The instance may have joined some of them in spite of the refusal.
    if (refusal.rule.retry) this.leave(numbers, refusal.pauseMs);
    else {
      this.#pages.fail(numbers, refusal);
      for (const number of numbers) this.#stages.delete(number);
      this.#listener.changed();
    }
  }

  #unwatch(opened: OpenResult, pages: readonly number[], pauseMs: number): void {
    this.#line.request("unwatch", { handle: opened.handle, pages }, (outcome) => {
      if (!outcome) return;
      if (outcome instanceof Refusal) {
        this.#later(opened, outcome.pauseMs, () => this.#unwatch(opened, pages, pauseMs));
        return;
      }
      this.#later(opened, pauseMs, () => {
        for (const number of pages) this.#stages.delete(number);
        this.join();
      });
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

function entriesOf(asked: readonly Asked[]): (readonly [page: number, position: string])[] {
  return asked.map(({ number, replica }) => [number, formatPosition(replica?.position ?? GENESIS)]);
}
