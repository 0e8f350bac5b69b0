/*
 * The flush clock of an instance. It decides when hubs send the deltas that they have gathered.
 *
 * The first delta of a quiet page is sent immediately, unless other pages wait (see Source). After
 * that, the page's deltas gather until one interval after its last flush. The interval follows the
 * load. A delay that nobody notices costs nothing, so the interval first grows, up to `unseenMs`,
 * to send at most `framesUnseen` frames per second. Beyond `unseenMs` it grows only to keep sending
 * within `share` of the event loop.
 *
 *     watchers       1 ─────────── some ──────────────────────── thousands
 *     interval   flushMsMin ─ grows ─ unseenMs ─── stays ───── grows ─ flushMsMax
 *
 * All pages share the event loop, so all share the interval.
 */

import type { Cancel, Clock } from "../../protocol/clock.js";
import type { PageNews } from "../../store/store.js";

export interface FanOutLimits {
  readonly flushMsMin: number;
  readonly flushMsMax: number;
  /** Share of the event loop that fan-out may take: 0 … 1. */
  readonly share: number;
  readonly unseenMs: number;
  /** Frames per second to aim at with an interval of up to `unseenMs`. */
  readonly framesUnseen: number;
  /** A quiet page waits this long at most for the doze of the others. */
  readonly dozeMsMax: number;
}

export interface Flushable {
  /** Sends the gathered deltas. Returns the number of frames sent. */
  flush(): number;
  /**
   * Called right after `flush`, for recipients that waited for the flush. This does not count as
   * sending, because a longer interval would not reduce its cost.
   */
  flushed?(): void;
}

/** The source of deltas. It need not be read while none can be sent. */
type Source = Pick<PageNews, "doze" | "wake">;

const WAKEFUL: Source = { doze: () => undefined, wake: (heard) => heard() };

/** A doze shorter than this saves nothing. */
const DOZE_MS_MIN = 4;
/** The interval is adapted after this long, or after this many intervals, whichever is longer. */
const ADAPT_MS = 100;
const ADAPT_INTERVALS = 4;

export class FanOut {
  readonly #clock: Clock;
  readonly #limits: FanOutLimits;
  readonly #source: Source;
  readonly #observe: (flush: { ms: number }) => void;
  /** Page with deltas to send -> the earliest time to send them. */
  readonly #due = new Map<Flushable, number>();
  readonly #lastFlushMs = new WeakMap<Flushable, number>();
  #flushMs: number;
  #timer: { atMs: number; cancel: Cancel } | undefined;
  #windowStartMs: number;
  #windowCostMs = 0;
  #windowFrames = 0;

  constructor(
    clock: Clock,
    limits: FanOutLimits,
    source: Source = WAKEFUL,
    observe: (flush: { ms: number }) => void = () => undefined,
  ) {
    this.#clock = clock;
    this.#limits = limits;
    this.#source = source;
    this.#observe = observe;
    this.#flushMs = limits.flushMsMin;
    this.#windowStartMs = clock.now();
  }

  get flushMs(): number {
    return this.#flushMs;
  }

  request(page: Flushable): void {
    if (this.#due.has(page)) return;
    const now = this.#clock.now();
    const dueMs = (this.#lastFlushMs.get(page) ?? Number.NEGATIVE_INFINITY) + this.#flushMs;
    if (dueMs <= now) this.#flush(page);
    else {
      this.#due.set(page, dueMs);
      if (!this.#timer || dueMs < this.#timer.atMs) this.#arm(dueMs, now);
    }
  }

  forget(page: Flushable): void {
    this.#due.delete(page);
  }

  close(): void {
    this.#timer?.cancel();
    this.#due.clear();
  }

  #arm(atMs: number, now: number): void {
    this.#timer?.cancel();
    const waitMs = Math.max(0, atMs - now);
    const cancel = this.#clock.after(waitMs, () => {
      this.#timer = undefined;
      this.#source.wake(() => this.#flushDue());
    });
    this.#timer = { atMs, cancel };
    const { unseenMs, dozeMsMax } = this.#limits;
    if (waitMs >= DOZE_MS_MIN) this.#source.doze(Math.min(waitMs, unseenMs, dozeMsMax));
  }

  #flushDue(): void {
    const now = this.#clock.now();
    let next = Number.POSITIVE_INFINITY;
    for (const [page, dueMs] of this.#due) {
      // A timer may fire a moment early, so pages due within that moment are flushed too.
      if (dueMs > now + 1) next = Math.min(next, dueMs);
      else {
        this.#due.delete(page);
        this.#flush(page);
      }
    }
    if (next < Number.POSITIVE_INFINITY) this.#arm(next, this.#clock.now());
  }

  #flush(page: Flushable): void {
    // Measured per page, because many may be due in one round and each counts by itself.
    const before = this.#clock.now();
    this.#lastFlushMs.set(page, before);
    this.#windowFrames += page.flush();
    const after = this.#clock.now();
    this.#windowCostMs += after - before;
    this.#observe({ ms: after - before });
    page.flushed?.();
    if (after - this.#windowStartMs >= Math.max(ADAPT_MS, ADAPT_INTERVALS * this.#flushMs)) this.#adapt(after);
  }

  /**
   * Sending costs less as the interval grows. Going only half the way damps the effect of one slow
   * flush.
   */
  #adapt(now: number): void {
    const { flushMsMin, flushMsMax, share, unseenMs, framesUnseen } = this.#limits;
    const elapsedMs = now - this.#windowStartMs;
    const forShare = (this.#flushMs * this.#windowCostMs) / elapsedMs / share;
    const forFrames = (this.#flushMs * this.#windowFrames * 1_000) / elapsedMs / framesUnseen;
    const wanted = Math.max(forShare, Math.min(unseenMs, forFrames));
    const next = (this.#flushMs + Math.min(flushMsMax, Math.max(flushMsMin, wanted))) / 2;
    this.#flushMs = next < flushMsMin + 1 ? flushMsMin : next;
    this.#windowStartMs = now;
    this.#windowCostMs = 0;
    this.#windowFrames = 0;
  }
}
