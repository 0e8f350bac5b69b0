/*
 * The requests that one connection may still make. Leaving and rejoining a namespace, or joining
 * another one, does not reset them.
 */

import type { Clock } from "../../protocol/clock.js";
import { type Rate, TokenBucket } from "./token-bucket.js";

/**
 * Bad requests before the client is disconnected. Some refusals count as a tenth (responder.ts).
 */
const STRIKES = { burst: 100, perSecond: 1 };
/** Chat messages of the teaching protocol. */
export const MESSAGES = { perSecond: 5, burst: 20 };
const REQUESTS_A_TURN = 8;
const AT_ONCE = { perSecond: 1_000, burst: REQUESTS_A_TURN };

export class Allowance {
  /** The address, in the form that `addressKey` returns. */
  readonly address: string;
  readonly requests: TokenBucket;
  /** In pages. */
  readonly watches: TokenBucket;
  readonly turns: Turns;
  readonly #clock: Clock;
  // Most connections never use these two, and a bucket that is not used is full.
  #strikes: TokenBucket | undefined;
  #messages: TokenBucket | undefined;
  inProgress = 0;

  constructor(address: string, limits: { readonly requests: Rate; readonly watches: Rate }, clock: Clock) {
    this.address = address;
    this.requests = new TokenBucket(limits.requests, clock.now());
    this.watches = new TokenBucket(limits.watches, clock.now());
    this.turns = new Turns(clock);
    this.#clock = clock;
  }

  get strikes(): TokenBucket {
    this.#strikes ??= new TokenBucket(STRIKES, this.#clock.now());
    return this.#strikes;
  }

  get messages(): TokenBucket {
    this.#messages ??= new TokenBucket(MESSAGES, this.#clock.now());
    return this.#messages;
  }
}

/**
 * Makes a connection with many requests take turns with all others. A burst arrives in one read of
 * the socket, and answering all of it in one go would delay every other connection. Beyond a few,
 * its requests therefore wait, in order, for later turns of the event loop. Occasional requests
 * never wait.
 */
export class Turns {
  readonly #clock: Clock;
  readonly #atOnce: TokenBucket;
  /** The caller of `take` bounds this, because it counts requests in progress. */
  #waiting: (() => void)[] | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#atOnce = new TokenBucket(AT_ONCE, clock.now());
  }

  /** Undefined if the request may proceed now. Otherwise resolves when it may, in order. */
  take(): Promise<void> | undefined {
    if (!this.#waiting) {
      if (this.#atOnce.take(1, this.#clock.now()) === 0) return undefined;
      this.#serveLater();
    }
    this.#waiting ??= [];
    const waiting = this.#waiting;
    return new Promise((done) => waiting.push(done));
  }

  #serveLater(): void {
    this.#clock.after(0, () => {
      const served = this.#waiting?.splice(0, REQUESTS_A_TURN) ?? [];
      if (this.#waiting?.length === 0) this.#waiting = undefined;
      else this.#serveLater();
      for (const done of served) done();
    });
  }
}
