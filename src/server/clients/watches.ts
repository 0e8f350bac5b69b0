/*
 * The watches of one client on pages, or on overviews. The hub of each is held open until the
 * client leaves it. While the store is unavailable, requests may overtake each other, so the latest
 * request for a hub wins.
 */

import { type Clock, within } from "../../protocol/clock.js";
import { Refusal } from "../../protocol/errors.js";
import type { Recipient } from "../pages/recipient.js";
import type { HubUse } from "../pages/shared-hubs.js";
import { Few } from "./few.js";

/** How long a request waits for an unavailable store. */
const JOIN_MS_MAX = 5_000;

interface Watchable {
  unwatch(recipient: Recipient): void;
}

interface Watch<Hub> {
  readonly use: HubUse<Hub>;
  /** The number of the latest request for it. */
  request: number;
}

export class Watches<Key, Hub extends Watchable> {
  readonly #recipient: Recipient;
  readonly #clock: Clock;
  readonly #watches = new Few<Key, Watch<Hub>>();
  #isClosed = false;

  constructor(recipient: Recipient, clock: Clock) {
    this.#recipient = recipient;
    this.#clock = clock;
  }

  get size(): number {
    return this.#watches.size;
  }

  hub(key: Key): Hub | undefined {
    return this.#watches.get(key)?.use.hub;
  }

  /**
   * Resolves when the recipient is up to date with the hub, which `use` opens unless it is held.
   */
  async join(key: Key, request: number, use: () => HubUse<Hub>, join: (hub: Hub) => Promise<void>): Promise<void> {
    if (this.#isClosed) return;
    const watch = this.#watches.get(key) ?? { use: use(), request };
    watch.request = request;
    this.#watches.set(key, watch);
    const late = () => new Refusal("STORE_AWAY", { retryAfterMs: 1_000 });
    await within(this.#clock, JOIN_MS_MAX, join(watch.use.hub), late);
  }

  leave(key: Key): void {
    const watch = this.#watches.get(key);
    if (!watch) return;
    this.#watches.delete(key);
    watch.use.hub.unwatch(this.#recipient);
    watch.use.release();
  }

  /** Call this if `request` failed. The watch stays if a later request asked for the same hub. */
  giveUp(key: Key, request: number): void {
    if (this.#watches.get(key)?.request === request) this.leave(key);
  }

  leaveThose(isOne: (key: Key) => boolean): void {
    for (const key of this.#watches.keys()) if (isOne(key)) this.leave(key);
  }

  close(): void {
    this.#isClosed = true;
    this.leaveThose(() => true);
  }
}
