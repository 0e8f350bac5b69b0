/*
 * What comes in on one connection, in messages and bytes, of every kind and at every layer: requests, pings, pongs, packets
 * of namespaces that do not exist, acknowledgements nobody asked for, bodies. A connection over its budget is not read
 * until time has paid for what came:
 *
 *     tokens   burst ────────── 0 ────────── -burst
 *                     read       │ not read    │ ended: a flood came in one read
 *
 * Counts, and asks `metered` to act; knows nothing of sockets. What waits to go out is the backlog's to count.
 */

import type { Clock } from "../../protocol/clock.js";
import { type Rate, TokenBucket } from "./token-bucket.js";

export interface InflowLimits {
  readonly messages: Rate;
  readonly bytes: Rate;
}

/** The connection, as far as its meter acts on it. */
interface Metered {
  /** Stops reading. Not called again before `resume`. */
  pause(): void;
  resume(): void;
  /** A flood came: ends the connection. Called again for what else of it has been read already. */
  end(): void;
}

export class Meter {
  readonly #clock: Clock;
  readonly #metered: Metered;
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;
  #isPaused = false;

  constructor({ messages, bytes }: InflowLimits, clock: Clock, metered: Metered) {
    this.#clock = clock;
    this.#metered = metered;
    this.#messages = new TokenBucket(messages, clock.now());
    this.#bytes = new TokenBucket(bytes, clock.now());
  }

  /** Charges what came in. */
  take(messages: number, bytes: number): void {
    const now = this.#clock.now();
    this.#messages.charge(messages, now);
    this.#bytes.charge(bytes, now);
    if (!this.#isPaused && this.waitMs > 0) {
      this.#isPaused = true;
      this.#metered.pause();
      this.#clock.after(this.waitMs, () => this.#retry());
    }
    if (this.isSpent) this.#metered.end();
  }

  /** Whether more came than a pause can make good. */
  get isSpent(): boolean {
    return this.#messages.isSpent || this.#bytes.isSpent;
  }

  /** Milliseconds until the next message should be read; 0 if it may be now. */
  get waitMs(): number {
    const now = this.#clock.now();
    return Math.max(this.#messages.waitMs(0, now), this.#bytes.waitMs(0, now));
  }

  /** What came in before the pause took effect has its price too. */
  #retry(): void {
    const waitMs = this.waitMs;
    if (waitMs > 0) {
      this.#clock.after(waitMs, () => this.#retry());
      return;
    }
    this.#isPaused = false;
    this.#metered.resume();
  }
}
