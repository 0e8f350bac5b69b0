/*
 * The requests that one connection may still make. A client that leaves a namespace and joins it
 * again, or joins another, keeps the limits that its connection has left.
 */

import type { Clock } from "../../protocol/clock.js";
import { type Rate, TokenBucket } from "./token-bucket.js";

/** Bad requests before the client is disconnected; some refusals count a tenth (responder.ts). */
const STRIKES = { burst: 100, perSecond: 1 };
/** Chat messages of the teaching protocol. */
export const MESSAGES = { perSecond: 5, burst: 20 };
const REQUESTS_A_TURN = 8;
const AT_ONCE = { perSecond: 1_000, burst: REQUESTS_A_TURN };

export class Allowance {
  /** As addressKey gives it. */
  readonly address: string;
  readonly requests: TokenBucket;
  /** In pages. */
  readonly watches: TokenBucket;
  readonly strikes: TokenBucket;
  readonly messages: TokenBucket;
  readonly turns: Turns;
  inProgress = 0;

  constructor(address: string, limits: { readonly requests: Rate; readonly watches: Rate }, clock: Clock) {
    this.address = address;
    this.requests = new TokenBucket(limits.requests, clock.now());
    this.watches = new TokenBucket(limits.watches, clock.now());
    this.strikes = new TokenBucket(STRIKES, clock.now());
    this.messages = new TokenBucket(MESSAGES, clock.now());
    this.turns = new Turns(clock);
  }
}

/**
 * Makes a connection with many requests take turns with all others. A burst arrives in one read of
 * the socket, and answering all of it at once would delay every other connection. So beyond a few,
 * its requests wait, in order, for later turns of the event loop. An occasional one never waits.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #atOnce: TokenBucket;
  /** Bounded by the caller of `take`, which counts requests in progress. */
  readonly #waiting: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#atOnce = new TokenBucket(AT_ONCE, clock.now());
  }

  /** Undefined if the request may proceed now; otherwise resolves when it may, in order. */
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
