/*
 * Admission: who may connect and how fast a session may write. Each session and each address has a count of its own, so
 * that one at its limit never holds up another. Counts are kept for one instance; they are bounded, and what is full
 * again is forgotten.
 */

import { Refusal } from "../protocol/errors.js";
import type { Clock } from "./clock.js";
import { type Rate, TokenBucket } from "./token-bucket.js";

export interface AdmissionLimits {
  /** Cells written by one session. */
  readonly writes: Rate;
  /** Requests of any kind on one connection. */
  readonly requests: Rate;
  /** Pages that one connection asks to watch. */
  readonly watches: Rate;
  readonly connectionsPerAddress: number;
}

/** An address may write as much as so many sessions at their limit. */
const ADDRESS_SESSIONS = 20;
/** Buckets kept before the full ones are swept out. */
const BUCKETS_MAX = 100_000;

export class Admission {
  readonly limits: AdmissionLimits;
  readonly #clock: Clock;
  readonly #addressRate: Rate;
  readonly #connections = new Map<string, number>();
  readonly #sessionWrites = new Map<string, TokenBucket>();
  readonly #addressWrites = new Map<string, TokenBucket>();

  constructor(limits: AdmissionLimits, clock: Clock) {
    this.limits = limits;
    this.#clock = clock;
    const { perSecond, burst } = limits.writes;
    this.#addressRate = { perSecond: perSecond * ADDRESS_SESSIONS, burst: burst * ADDRESS_SESSIONS };
  }

  /** Counts a connection in; false if its address has too many. Count every connection out again. */
  connect(address: string): boolean {
    const count = this.#connections.get(address) ?? 0;
    if (count >= this.limits.connectionsPerAddress) return false;
    this.#connections.set(address, count + 1);
    return true;
  }

  disconnect(address: string): void {
    const count = this.#connections.get(address) ?? 0;
    if (count > 1) this.#connections.set(address, count - 1);
    else this.#connections.delete(address);
  }

  requestBucket(): TokenBucket {
    return new TokenBucket(this.limits.requests, this.#clock.now());
  }

  watchBucket(): TokenBucket {
    return new TokenBucket(this.limits.watches, this.#clock.now());
  }

  /**
   * Throws RATE_LIMITED if `session`, or its address, may not write `cells` cells now. The buckets outlive the connection,
   * and a new session at the same address starts with what the address has left.
   */
  admitWrite(address: string, session: string | undefined, cells: number): void {
    const now = this.#clock.now();
    if (session !== undefined) take(this.#sessionWrites, session, this.limits.writes, cells, now);
    take(this.#addressWrites, address, this.#addressRate, cells, now);
  }
}

/** Takes from the bucket of `key`, which is made full where there is none; throws RATE_LIMITED if it holds too little. */
function take(buckets: Map<string, TokenBucket>, key: string, rate: Rate, count: number, now: number): void {
  let bucket = buckets.get(key);
  if (!bucket) {
    makeRoom(buckets, now);
    bucket = new TokenBucket(rate, now);
    buckets.set(key, bucket);
  }
  const waitMs = bucket.take(count, now);
  if (waitMs > 0) throw new Refusal("RATE_LIMITED", { retryAfterMs: waitMs });
}

/** Forgets buckets that are full again, which are as good as new ones. */
function makeRoom(buckets: Map<string, TokenBucket>, now: number): void {
  if (buckets.size < BUCKETS_MAX) return;
  for (const [key, bucket] of buckets) if (bucket.isFull(now)) buckets.delete(key);
  if (buckets.size >= BUCKETS_MAX) throw new Refusal("BUSY", { retryAfterMs: 1_000 });
}
