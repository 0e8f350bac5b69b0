/*
 * The requests that wait for news. Each holds a place until it is answered or its client is gone.
 * An address has as many places as it may have sockets. Trusted caches have half of all places, so
 * that strangers behind them cannot take those of others. A draining or closing instance answers
 * all with GOING_AWAY, so that a balancer sends them to another instance.
 */

import type { Response } from "express";
import { Refusal } from "../../../protocol/errors.js";
import type { Instance } from "../../instance/instance.js";

/** Each takes about as much memory as a socket. */
const WAITING_MAX = 5_000;
/** Of requests that trusted caches pass on: one for each page that is viewed. */
const FROM_CACHES_MAX = 2_500;
/** An address may have this part of the places that are left, and some in any case. */
const SHARE = 8;
const PLACES_MIN = 8;
const RETRY_MS = 5_000;

export class WaitingRequests {
  readonly #instance: Instance;
  /** Address -> places taken. Undefined stands for all trusted caches. */
  readonly #taken = new Map<string | undefined, number>();
  #count = 0;

  constructor(instance: Instance) {
    this.#instance = instance;
  }

  get count(): number {
    return this.#count;
  }

  /**
   * Resolves with the result of `read`, or with undefined if the client has gone. `address` is
   * undefined if its places are not counted. Rejects with a Refusal.
   */
  async wait<Result>(
    response: Response,
    address: string | undefined,
    read: () => Promise<Result>,
  ): Promise<Result | undefined> {
    const { departures } = this.#instance;
    if (response.destroyed) return undefined;
    if (departures.isDraining) throw new Refusal("GOING_AWAY");
    this.#take(address);
    let leave: (reason: Refusal | undefined) => void = () => undefined;
    const left = new Promise<undefined>((done, fail) => {
      leave = (reason) => (reason ? fail(reason) : done(undefined));
    });
    const gone = () => leave(undefined);
    const departing = { isRequest: true, move: () => leave(new Refusal("GOING_AWAY")) };
    departures.add(departing);
    response.once("close", gone);
    try {
      return await Promise.race([read(), left]);
    } finally {
      response.off("close", gone);
      departures.left(departing);
      this.#free(address);
    }
  }

  #take(address: string | undefined): void {
    const taken = this.#taken.get(address) ?? 0;
    const isFull = this.#count >= WAITING_MAX || (address === undefined && taken >= FROM_CACHES_MAX);
    if (isFull) throw new Refusal("BUSY", { retryAfterMs: RETRY_MS });
    // The fewer places are left, the fewer one address may have.
    const most = Math.max(PLACES_MIN, (WAITING_MAX - this.#count) / SHARE);
    if (address !== undefined && taken >= Math.min(this.#instance.admission.limits.connectionsPerAddress, most))
      throw new Refusal("TOO_MANY_CONNECTIONS", { retryAfterMs: RETRY_MS });
    this.#taken.set(address, taken + 1);
    this.#count++;
  }

  #free(address: string | undefined): void {
    this.#count--;
    const taken = this.#taken.get(address) ?? 0;
    if (taken > 1) this.#taken.set(address, taken - 1);
    else this.#taken.delete(address);
  }
}
