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

/** Buckets kept before the full ones are swept out. */
const BUCKETS_MAX = 100_000;

export class Admission {
  readonly limits: AdmissionLimits;
  readonly #clock: Clock;
  readonly #connections = new Map<string, number>();
  readonly #writes = new Map<string, TokenBucket>();

  constructor(limits: AdmissionLimits, clock: Clock) {
    this.limits = limits;
    this.#clock = clock;
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

  /** Throws RATE_LIMITED if `session` may not write `cells` cells now. The bucket outlives the connection. */
  admitWrite(session: string, cells: number): void {
    const now = this.#clock.now();
    let bucket = this.#writes.get(session);
    if (!bucket) {
      this.#makeRoom(now);
      bucket = new TokenBucket(this.limits.writes, now);
      this.#writes.set(session, bucket);
    }
    const waitMs = bucket.take(cells, now);
    if (waitMs > 0) throw new Refusal("RATE_LIMITED", { retryAfterMs: waitMs });
  }

  #makeRoom(now: number): void {
    if (this.#writes.size < BUCKETS_MAX) return;
    for (const [session, bucket] of this.#writes) if (bucket.isFull(now)) this.#writes.delete(session);
    if (this.#writes.size >= BUCKETS_MAX) throw new Refusal("BUSY", { retryAfterMs: 1_000 });
  }
}
