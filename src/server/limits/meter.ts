/*
 * Meters everything that arrives on one connection, in messages and bytes, at every layer:
 * requests, pings, pongs, packets of unknown namespaces, unrequested acknowledgements, bodies. A
 * connection over its budget is not read until enough time has passed:
 *
 *     tokens   burst ────────── 0 ────────── -burst
 *                     read       │ not read    │ closed: a flood came in one read
 *
 * It counts, and calls `metered` to act. The backlog counts outgoing bytes.
 */

import type { Cancel, Clock } from "../../protocol/clock.js";
import { type Rate, TokenBucket } from "./token-bucket.js";

export interface InflowLimits {
  readonly messages: Rate;
  readonly bytes: Rate;
}

export interface Metered {
  /** Stops reading, until `resume`. Without it the owner asks for `waitMs` before it reads. */
  pause?(): void;
  resume?(): void;
  /** Closes the connection because of a flood. Called again for data that was already read. */
  end(): void;
}

export class Meter {
  readonly #clock: Clock;
  readonly #metered: Metered;
  readonly #messages: TokenBucket;
  readonly #bytes: TokenBucket;
  #isPaused = false;
  #cancelRetry: Cancel | undefined;

  constructor({ messages, bytes }: InflowLimits, clock: Clock, metered: Metered) {
    this.#clock = clock;
    this.#metered = metered;
    this.#messages = new TokenBucket(messages, clock.now());
    this.#bytes = new TokenBucket(bytes, clock.now());
  }

  take(messages: number, bytes: number): void {
    const now = this.#clock.now();
    this.#messages.charge(messages, now);
    this.#bytes.charge(bytes, now);
    const waitMs = this.#isPaused ? 0 : this.#waitMs(now);
    if (waitMs > 0) {
      this.#isPaused = true;
      this.#metered.pause?.();
      this.#cancelRetry = this.#clock.after(waitMs, () => this.#retry());
    }
    if (this.isSpent) this.#metered.end();
  }

  /** The metered connection has ended, and is held no longer. */
  close(): void {
    this.#cancelRetry?.();
  }

  /** Whether more arrived than a pause can make up for. */
  get isSpent(): boolean {
    return this.#messages.isSpent || this.#bytes.isSpent;
  }

  /** Milliseconds until the next message may be read; 0 if it may be read now. */
  get waitMs(): number {
    return this.#waitMs(this.#clock.now());
  }

  #waitMs(now: number): number {
    return Math.max(this.#messages.waitMs(0, now), this.#bytes.waitMs(0, now));
  }

  /** Waits longer if more data arrived before the pause took effect. */
  #retry(): void {
    const waitMs = this.waitMs;
    if (waitMs > 0) {
      this.#cancelRetry = this.#clock.after(waitMs, () => this.#retry());
      return;
    }
    this.#isPaused = false;
    this.#metered.resume?.();
  }
}
