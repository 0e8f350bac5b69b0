/*
 * The subscriptions of a relay, by name. Each is made at the upstream for its first listener, and
 * again on each new link.
 */

import { backOffMs, type Clock, pause } from "../../protocol/clock.js";
import { Listeners, type Unsubscribe } from "../listeners.js";

interface SubscribedOptions<Of, Listener> {
  readonly clock: Clock;
  readonly nameOf: (of: Of) => string;
  /** Subscribes at the upstream. Does no harm if it is done twice. */
  readonly start: (of: Of) => Promise<unknown>;
  readonly stop: (of: Of) => void;
  readonly resumed: (listener: Listener) => void;
}

const RETRY_MS = { first: 50, most: 1_000 };

export class Subscribed<Of, Listener> {
  readonly #options: SubscribedOptions<Of, Listener>;
  readonly #listeners = new Listeners<Listener>();
  readonly #names = new Map<string, Of>();
  /** Grows with each link. */
  #generation = 0;

  constructor(options: SubscribedOptions<Of, Listener>) {
    this.#options = options;
  }

  /** Resolves when the subscription is live. Rejects as `start` does. */
  async add(of: Of, listener: Listener): Promise<Unsubscribe> {
    const { nameOf, start, stop } = this.#options;
    const name = nameOf(of);
    this.#names.set(name, of);
    const unsubscribe = this.#listeners.add(name, listener, () => {
      this.#names.delete(name);
      stop(of);
    });
    try {
      await start(of);
      return unsubscribe;
    } catch (error) {
      unsubscribe();
      throw error;
    }
  }

  of(name: string): Iterable<Listener> {
    return this.#listeners.of(name);
  }

  /** There is a new link, at which nothing is subscribed yet. */
  renew(): void {
    this.#generation++;
    for (const [name, of] of this.#names) void this.#renew(name, of, this.#generation);
  }

  close(): void {
    this.#generation++;
    this.#names.clear();
    this.#listeners.clear();
  }

  async #renew(name: string, of: Of, generation: number): Promise<void> {
    const { clock, start, resumed } = this.#options;
    for (let attempt = 0; generation === this.#generation && this.#names.has(name); attempt++) {
      try {
        await start(of);
        for (const listener of this.of(name)) resumed(listener);
        return;
      } catch {
        // The store of the upstream is away, or this link has ended too.
        await pause(clock, backOffMs(clock, attempt, RETRY_MS.first, RETRY_MS.most));
      }
    }
  }
}
