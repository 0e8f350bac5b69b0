/*
 * The requests that one connection may still make. A client that leaves a namespace and joins it
 * again, or joins another, goes on with what its connection has left.
 */

import type { Clock } from "../../protocol/clock.js";
import { type Rate, TokenBucket } from "./token-bucket.js";
import { Turns } from "./turns.js";

/** Bad requests before the client is disconnected; some refusals count a tenth (responder.ts). */
const STRIKES = { burst: 100, perSecond: 1 };
const MESSAGES = { perSecond: 5, burst: 20 };

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
