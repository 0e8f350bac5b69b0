/*
 * A token bucket for each key: session, address or network. Their number is bounded. A full bucket
 * equals a new one, so it is dropped when room is needed. If there is no room, new keys are refused
 * and known keys keep working.
 */

import { Refusal } from "../../protocol/errors.js";
import { type Rate, TokenBucket } from "./token-bucket.js";

const BUCKETS_MAX = 100_000;
const SWEEP_EVERY_MS = 1_000;

export class KeyedBuckets {
  readonly #rate: Rate;
  readonly #bucketsMax: number;
  readonly #buckets = new Map<string, TokenBucket>();
  #sweptMs = Number.NEGATIVE_INFINITY;

  constructor(rate: Rate, bucketsMax = BUCKETS_MAX) {
    this.#rate = rate;
    this.#bucketsMax = bucketsMax;
  }

  get size(): number {
    return this.#buckets.size;
  }

  /** See TokenBucket. Throws BUSY if `key` is new and there is no room. */
  take(key: string, count: number, nowMs: number): number {
    return this.#of(key, nowMs).take(count, nowMs);
  }

  waitMs(key: string, count: number, nowMs: number): number {
    return this.#of(key, nowMs).waitMs(count, nowMs);
  }

  /** See TokenBucket. Does nothing if `key` is new and there is no room. */
  charge(key: string, count: number, nowMs: number, debtMax?: number): void {
    if (!this.#buckets.has(key) && this.#buckets.size >= this.#bucketsMax) return;
    this.#of(key, nowMs).charge(count, nowMs, debtMax);
  }

  #of(key: string, nowMs: number): TokenBucket {
    const known = this.#buckets.get(key);
    if (known) return known;
    this.#makeRoom(nowMs);
    const bucket = new TokenBucket(this.#rate, nowMs);
    this.#buckets.set(key, bucket);
    return bucket;
  }

  #makeRoom(nowMs: number): void {
    if (this.#buckets.size < this.#bucketsMax) return;
    if (nowMs - this.#sweptMs >= SWEEP_EVERY_MS) {
      this.#sweptMs = nowMs;
      for (const [key, bucket] of this.#buckets) if (bucket.isFull(nowMs)) this.#buckets.delete(key);
    }
    if (this.#buckets.size >= this.#bucketsMax) throw new Refusal("BUSY", { retryAfterMs: SWEEP_EVERY_MS });
  }
}
