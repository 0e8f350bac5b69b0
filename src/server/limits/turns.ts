/*
 * Lets a peer that asks much at once take turns with everybody else. A burst of requests arrives in one read of the
 * socket, and answering all of it in one go would hold up every other connection of the instance for as long. So beyond
 * a few, requests of one peer wait, in order, for later turns of the event loop. Whoever asks now and then never waits.
 */

import type { Clock } from "../../protocol/clock.js";
import { TokenBucket } from "./token-bucket.js";

const REQUESTS_A_TURN = 8;
const AT_ONCE = { perSecond: 1_000, burst: REQUESTS_A_TURN };

export class Turns {
  readonly #clock: Clock;
  readonly #atOnce: TokenBucket;
  /** Bounded by who calls `take`: requests under way are counted there. */
  readonly #waiting: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#atOnce = new TokenBucket(AT_ONCE, clock.now());
  }

  /** Undefined if the request may go on now; else resolves when it may. First come, first served. */
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
