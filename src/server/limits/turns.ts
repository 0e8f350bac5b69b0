/*
 * Makes a connection with many requests take turns with all others. A burst of requests arrives in
 * one read of the socket, and answering all of it at once would hold up every other connection. So
 * beyond a few, the requests of one connection wait, in order, for later turns of the event loop.
 * An occasional request never waits.
 */

import type { Clock } from "../../protocol/clock.js";
import { TokenBucket } from "./token-bucket.js";

const REQUESTS_A_TURN = 8;
const AT_ONCE = { perSecond: 1_000, burst: REQUESTS_A_TURN };

export class Turns {
  readonly #clock: Clock;
  readonly #atOnce: TokenBucket;
  /** Bounded by the caller of `take`, which counts requests in progress. */
  readonly #waiting: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#atOnce = new TokenBucket(AT_ONCE, clock.now());
  }

  /** Undefined if the request may go on now; otherwise resolves when it may, in order. */
  take(): Promise<void> | undefined {
    if (this.#waiting.length === 0) {
      if (this.#atOnce.take(1, this.#clock.now()) === 0) return undefined;
      this.#clock.after(0, () => this.#serve());
    }
    return new Promise((done) => this.#waiting.push(done));
  }

  #serve(): void {
    for (const done of this.#waiting.splice(0, REQUESTS_A_TURN)) done();
    if (this.#waiting.length > 0) this.#clock.after(0, () => this.#serve());
  }
}
