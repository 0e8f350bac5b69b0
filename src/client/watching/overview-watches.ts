/*
 * The client's side of a board's overview. All watches share one subscription, which is made again
 * on each connection. The numbers are absolute, so the last ones received are right; old ones stay
 * until new ones arrive.
 */

import type { Clock } from "../../protocol/clock.js";
import type { OpenResult } from "../../protocol/events.js";
import type { PageCount } from "../../protocol/overview-codec.js";
import { Refusal } from "../../protocol/refusal.js";
import type { BoardEvents, Overview } from "../api/board.js";
import type { Line } from "../links/line.js";
import { type Deferred, deferred } from "../timing/deferred.js";
import type { Held } from "./live-watch.js";

export class OverviewWatches implements Overview {
  total = 0;
  onlineEverywhere = 0;
  readonly #line: Line;
  readonly #clock: Clock;
  readonly #changed: BoardEvents["overview"];
  readonly #watches = new Set<Deferred>();
  #opened: OpenResult | undefined;
  /** Whether the instance has been asked to send. */
  #isAsked = false;
  /** Whether the next counts of all pages include changes from before they were asked for. */
  #isBehind = false;
  /** Page -> its checked cells. */
  #counts: Uint32Array | undefined;
  #watchers: ReadonlyMap<number, number> = new Map();
  #failure: Refusal | undefined;

  constructor(line: Line, clock: Clock, changed: BoardEvents["overview"]) {
    this.#line = line;
    this.#clock = clock;
    this.#changed = changed;
  }

  get current(): Overview | undefined {
    return this.#counts && this;
  }

  get pages(): number {
    return this.#counts?.length ?? 0;
  }

  count(page: number): number {
    return this.#counts?.[page] ?? 0;
  }

  watchers(page: number): number {
    return this.#watchers.get(page) ?? 0;
  }

  watch(): Held {
    const ready = deferred();
    if (this.#failure) ready.fail(this.#failure);
    else {
      this.#watches.add(ready);
      if (this.#counts) ready.done();
      this.#ask();
    }
    return {
      ready: ready.promise,
      stop: () => {
        ready.done();
        if (this.#watches.delete(ready) && this.#watches.size === 0) this.#leave();
      },
    };
  }

  connected(opened: OpenResult): void {
    this.#opened = opened;
    this.#isAsked = false;
    this.#ask();
  }

  disconnected(): void {
    this.#opened = undefined;
    this.#isAsked = false;
  }

  close(refusal: Refusal): void {
    this.#failure = refusal;
    this.#opened = undefined;
    for (const { fail } of this.#watches) fail(refusal);
    this.#watches.clear();
  }

  receiveAll(counts: Uint32Array): void {
    if (this.#watches.size === 0) return;
    // The board may differ in size now.
    if (this.pages !== counts.length) this.#reset();
    this.#counts ??= new Uint32Array(counts.length);
    const changed: number[] = [];
    counts.forEach((checked, page) => {
      if (this.#set(page, checked)) changed.push(page);
    });
    for (const { done } of this.#watches) done();
    const isMissed = this.#isBehind;
    this.#isBehind = false;
    this.#changed(changed, isMissed);
  }

  receiveSome(counts: readonly PageCount[]): void {
    const changed = counts.flatMap(([page, checked]) => (this.#set(page, checked) ? page : []));
    if (changed.length > 0) this.#changed(changed, false);
  }

  receiveWatchers(pages: readonly PageCount[]): void {
    if (!this.#counts) return;
    this.#watchers = new Map(pages);
    this.#changed([], false);
  }

  receiveOnline(onlineEverywhere: number): void {
    const isNew = onlineEverywhere !== this.onlineEverywhere;
    this.onlineEverywhere = onlineEverywhere;
    if (this.#counts && isNew) this.#changed([], false);
  }

  /** True if that changed the count. */
  #set(page: number, checked: number): boolean {
    const before = this.count(page);
    if (!this.#counts || checked === before) return false;
    this.#counts[page] = checked;
    this.total += checked - before;
    return true;
  }

  #reset(): void {
    this.#counts = undefined;
    this.#watchers = new Map();
    this.total = 0;
  }

  #ask(): void {
    const opened = this.#opened;
    if (!opened || this.#isAsked || this.#watches.size === 0 || !knowsOverviews(opened)) return;
    this.#isAsked = true;
    this.#isBehind = true;
    this.#line.request("overview", { handle: opened.handle, watch: true }, (outcome) => {
      if (!(outcome instanceof Refusal) || this.#opened !== opened) return;
      this.#isAsked = false;
      if (outcome.rule.retry) this.#clock.after(outcome.pauseMs, () => this.#ask());
      else for (const { fail } of this.#watches) fail(outcome);
    });
  }

  #leave(): void {
    this.#reset();
    const opened = this.#opened;
    if (!opened || !this.#isAsked) return;
    this.#isAsked = false;
    // A connection keeps the order, so a watch that follows at once is answered with new counts.
    this.#line.request("overview", { handle: opened.handle, watch: false }, () => undefined);
  }
}

/**
 * Older instances have no overviews, and report no `onlineEverywhere`. They would not answer the
 * request, which would end the connection, so they are not asked.
 */
function knowsOverviews({ onlineEverywhere }: Partial<OpenResult>): boolean {
  return onlineEverywhere !== undefined;
}
