/*
 * A board's overview at the client: how many cells of each page are checked, where others look, how many people there are.
 * Any number of watches share one subscription, which is made anew on each connection; what is held stays until the new
 * numbers are here. They are absolute, so whatever comes last is right.
 */

import type { Clock } from "../protocol/clock.js";
import { type Refusal, refusalOf } from "../protocol/errors.js";
import type { OpenResult } from "../protocol/events.js";
import type { PageCount } from "../protocol/overview-codec.js";
import type { Watch } from "./board-events.js";
import { ConnectionLost, type Line } from "./line.js";

/** Live: its answers change as frames arrive. */
export interface Overview {
  /** Pages of the board. */
  readonly pages: number;
  /** Checked cells of the whole board. */
  readonly total: number;
  /** Sockets on all instances, a few seconds old. */
  readonly onlineEverywhere: number;
  /** Checked cells of a page. */
  count(page: number): number;
  /** Connections on all instances that watch a page, of the pages with most of them; a few seconds old. */
  watchers(page: number): number;
}

const RETRY_MS = 1_000;

class Counts implements Overview {
  total = 0;
  onlineEverywhere = 0;
  looking: ReadonlyMap<number, number> = new Map();
  readonly #counts: Uint32Array;

  constructor(pages: number) {
    this.#counts = new Uint32Array(pages);
  }

  get pages(): number {
    return this.#counts.length;
  }

  count(page: number): number {
    return this.#counts[page] ?? 0;
  }

  watchers(page: number): number {
    return this.looking.get(page) ?? 0;
  }

  /** True if that changed it. */
  set(page: number, checked: number): boolean {
    const before = this.count(page);
    this.#counts[page] = checked;
    this.total += checked - before;
    return checked !== before;
  }
}

export class OverviewWatches {
  readonly #line: Line;
  readonly #clock: Clock;
  readonly #changed: (pages: readonly number[], isMissed: boolean) => void;
  readonly #watches = new Set<{ done(): void; fail(error: unknown): void }>();
  #opened: OpenResult | undefined;
  /** Whether the instance sends, as far as it has been asked to. */
  #isAsked = false;
  /** The next numbers of all pages have what was missed until they were asked for. */
  #isBehind = false;
  #counts: Counts | undefined;
  #onlineEverywhere = 0;
  #failure: Refusal | undefined;

  constructor(line: Line, clock: Clock, changed: (pages: readonly number[], isMissed: boolean) => void) {
    this.#line = line;
    this.#clock = clock;
    this.#changed = changed;
  }

  get current(): Overview | undefined {
    return this.#counts;
  }

  watch(): Watch {
    let settle = { done: () => {}, fail: (_: unknown) => {} };
    const ready = new Promise<void>((done, fail) => {
      settle = { done, fail };
    });
    ready.catch(() => undefined);
    if (this.#failure) settle.fail(this.#failure);
    else {
      this.#watches.add(settle);
      if (this.#counts) settle.done();
      this.#ask();
    }
    return {
      ready,
      stop: () => {
        settle.done();
        if (this.#watches.delete(settle) && this.#watches.size === 0) this.#leave();
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

  /** The counts of all pages came. Called by the client, as are the rest. */
  receiveAll(counts: Uint32Array): void {
    if (this.#watches.size === 0) return;
    // The board may have another size than before.
    const held = this.#counts?.pages === counts.length ? this.#counts : new Counts(counts.length);
    held.onlineEverywhere = this.#onlineEverywhere;
    this.#counts = held;
    const changed: number[] = [];
    counts.forEach((checked, page) => {
      if (held.set(page, checked)) changed.push(page);
    });
    for (const { done } of this.#watches) done();
    const isMissed = this.#isBehind;
    this.#isBehind = false;
    this.#changed(changed, isMissed);
  }

  receiveSome(counts: readonly PageCount[]): void {
    const held = this.#counts;
    if (!held) return;
    const changed = counts.flatMap(([page, checked]) => (held.set(page, checked) ? page : []));
    if (changed.length > 0) this.#changed(changed, false);
  }

  receiveWatchers(pages: readonly PageCount[]): void {
    if (!this.#counts) return;
    this.#counts.looking = new Map(pages);
    this.#changed([], false);
  }

  receiveOnline(onlineEverywhere: number): void {
    const isNew = onlineEverywhere !== this.#onlineEverywhere;
    this.#onlineEverywhere = onlineEverywhere;
    if (!this.#counts || !isNew) return;
    this.#counts.onlineEverywhere = onlineEverywhere;
    this.#changed([], false);
  }

  #ask(): void {
    const opened = this.#opened;
    if (!opened || this.#isAsked || this.#watches.size === 0 || !knowsOverviews(opened)) return;
    this.#isAsked = true;
    this.#isBehind = true;
    this.#line.request("overview", { handle: opened.handle, watch: true }).catch((error: unknown) => {
      if (error instanceof ConnectionLost || this.#opened !== opened) return;
      const refusal = refusalOf(error);
      this.#isAsked = false;
      if (refusal.rule.retry) this.#clock.after(refusal.retryAfterMs ?? RETRY_MS, () => this.#ask());
      else for (const { fail } of this.#watches) fail(refusal);
    });
  }

  #leave(): void {
    this.#counts = undefined;
    const opened = this.#opened;
    if (!opened || !this.#isAsked) return;
    this.#isAsked = false;
    // On one connection all is in order: a watch that follows at once is answered with new numbers.
    this.#line.request("overview", { handle: opened.handle, watch: false }).catch(() => undefined);
  }
}

/**
 * An instance from before there were overviews would leave the request without an answer, which ends the connection: it is
 * not asked, and a later instance is. Such an instance tells no number of people on all instances either.
 */
function knowsOverviews({ onlineEverywhere }: Partial<OpenResult>): boolean {
  return onlineEverywhere !== undefined;
}
