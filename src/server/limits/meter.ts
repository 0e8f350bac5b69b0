/*
 * Meters everything that comes in on one connection, in messages and bytes, at every layer:
 * requests, pings, pongs, packets of unknown namespaces, unrequested acknowledgements, bodies. A
 * connection over its budget is not read until time has paid for it:
 *
 *     tokens   burst ────────── 0 ────────── -burst
 *                     read       │ not read    │ ended: a flood came in one read
 *
 * It counts, and calls `metered` to act. The backlog counts the bytes that wait to go out.
 */

import type { Clock } from "../../protocol/clock.js";
import { type Rate, TokenBucket } from "./token-bucket.js";

export interface InflowLimits {
  readonly messages: Rate;
  readonly bytes: Rate;
}

export interface Metered {
  /** Stops reading, until `resume`. Without it the owner asks for `waitMs` before it reads. */
  pause?(): void;
  resume?(): void;
  /** Ends the connection because of a flood. Called again for the rest that was read already. */
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

  take(messages: number, bytes: number): void {
    const now = this.#clock.now();
    this.#messages.charge(messages, now);
    this.#bytes.charge(bytes, now);
    if (!this.#isPaused && this.waitMs > 0) {
      this.#isPaused = true;
      this.#metered.pause?.();
      this.#clock.after(this.waitMs, () => this.#retry());
    }
    if (this.isSpent) this.#metered.end();
  }

  /** Whether more came in than a pause can make up for. */
  get isSpent(): boolean {
    return this.#messages.isSpent || this.#bytes.isSpent;
  }

  /** Milliseconds until the next message should be read; 0 if it may be now. */
  get waitMs(): number {
    const now = this.#clock.now();
    return Math.max(this.#messages.waitMs(0, now), this.#bytes.waitMs(0, now));
  }

  /** Data that came in before the pause took effect is paid for too. */
  #retry(): void {
    const waitMs = this.waitMs;
    if (waitMs > 0) {
      this.#clock.after(waitMs, () => this.#retry());
      return;
    }
    this.#isPaused = false;
    this.#metered.resume?.();
  }
}
