/*
 * Hubs shared by their users. A hub is opened for its first user and kept for a short time after
 * its last. A reload or a pan back then finds it ready.
 */

import type { Cancel, Clock } from "../../protocol/clock.js";

/** A hub as one user holds it. */
export interface HubUse<Hub> {
  readonly hub: Hub;
  /** Releases the hub. Calling it again does nothing. */
  release(): void;
}

const LINGER_MS = 10_000;

export class SharedHubs<Hub extends { close(): void }> {
  readonly #clock: Clock;
  readonly #held = new Map<string, Held<Hub>>();
  #closed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get size(): number {
    return this.#held.size;
  }

  get(name: string): Hub | undefined {
    return this.#held.get(name)?.hub;
  }

  *hubs(): Iterable<Hub> {
    for (const { hub } of this.#held.values()) yield hub;
  }

  /** The hub of that name, which `open` creates if there is none. */
  use(name: string, open: () => Hub): HubUse<Hub> {
    const held = this.#held.get(name) ?? new Held(name, open(), this);
    this.#held.set(name, held);
    held.users++;
    held.closing?.();
    held.closing = undefined;
    return new Use(held);
  }

  /** One user fewer. */
  released(held: Held<Hub>): void {
    if (this.#closed || this.#held.get(held.name) !== held) return;
    held.users--;
    if (held.users > 0) return;
    held.closing = this.#clock.after(LINGER_MS, () => {
      this.#held.delete(held.name);
      held.hub.close();
    });
  }

  /** Closes the hub at once. The next user opens another. */
  drop(name: string): void {
    const held = this.#held.get(name);
    if (!held) return;
    this.#held.delete(name);
    held.closing?.();
    held.hub.close();
  }

  close(): void {
    this.#closed = true;
    for (const { hub, closing } of this.#held.values()) {
      closing?.();
      hub.close();
    }
    this.#held.clear();
  }
}

class Held<Hub extends { close(): void }> {
  readonly name: string;
  readonly hub: Hub;
  readonly hubs: SharedHubs<Hub>;
  users = 0;
  closing: Cancel | undefined;

  constructor(name: string, hub: Hub, hubs: SharedHubs<Hub>) {
    this.name = name;
    this.hub = hub;
    this.hubs = hubs;
  }
}

/** One for each page that a client watches, so it is small. */
class Use<Hub extends { close(): void }> implements HubUse<Hub> {
  #held: Held<Hub> | undefined;
  readonly hub: Hub;

  constructor(held: Held<Hub>) {
    this.#held = held;
    this.hub = held.hub;
  }

  release(): void {
    const held = this.#held;
    this.#held = undefined;
    held?.hubs.released(held);
  }
}
