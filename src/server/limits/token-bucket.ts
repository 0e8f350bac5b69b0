/*
 * A token bucket. It starts with `burst` tokens and gains `perSecond`, up to `burst`. Pure: the
 * time is passed in.
 *
 * It counts whole milliseconds. V8 keeps fractions outside the object, and a server has several
 * buckets for each client, most of them full.
 */

export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

export class TokenBucket {
  readonly #rate: Rate;
  #tokens: number;
  #atMs: number;

  constructor(rate: Rate, nowMs: number) {
    this.#rate = rate;
    this.#tokens = rate.burst;
    this.#atMs = Math.floor(nowMs);
  }

  /** Takes `count` tokens and returns 0, or takes none and returns the milliseconds to wait. */
  take(count: number, nowMs: number): number {
    const waitMs = this.waitMs(count, nowMs);
    if (waitMs === 0) this.#tokens -= count;
    return waitMs;
  }

  /** Milliseconds until `take(count)` would succeed; 0 if it would succeed now. */
  waitMs(count: number, nowMs: number): number {
    this.#refill(nowMs);
    return this.#tokens >= count ? 0 : ((count - this.#tokens) / this.#rate.perSecond) * 1000;
  }

  /** Takes `count` tokens even if there are fewer, which leaves a debt of at most `debtMax`. */
  charge(count: number, nowMs: number, debtMax = this.#rate.burst): void {
    this.#refill(nowMs);
    this.#tokens = Math.max(-debtMax, this.#tokens - count);
  }

  get isSpent(): boolean {
    return this.#tokens <= -this.#rate.burst;
  }

  isFull(nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#tokens >= this.#rate.burst;
  }

  #refill(nowMs: number): void {
    const atMs = Math.floor(nowMs);
    const grown = this.#tokens + ((atMs - this.#atMs) / 1000) * this.#rate.perSecond;
    this.#tokens = Math.min(this.#rate.burst, grown);
    this.#atMs = atMs;
  }
}
