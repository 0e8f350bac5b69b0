/*
 * Keeps channels subscribed, each on the server that owns it now. When a connection comes back or a
 * slot moves, it compares where each channel is subscribed with where it belongs, and fixes the
 * difference. Servers are handled independently, so that a hanging one does not delay the others.
 * An interrupted channel is reported as resumed, because messages may have been lost.
 *
 *     placed ──connection lost, or slot moved──► misplaced ──subscribed again──► placed, resumed
 *                                                   │  ▲
 *                                                   └──┘ refused: retried after a growing pause
 */

import { backOffMs, type Cancel, realClock } from "../../../protocol/clock.js";
import { StoreAway } from "../../store.js";
import { Redirected } from "../trouble/replies.js";
import { slotOf } from "./slot-map.js";

/** The subscriber connection of one server. */
export interface Subscriber {
  readonly isUp: boolean;
  subscribe(channels: readonly string[]): Promise<void>;
  unsubscribe(channel: string): void;
}

interface SubscriptionsOptions {
  /** The connection where a channel belongs now; undefined if no owner is known. */
  readonly subscriberOf: (channel: string) => Subscriber | undefined;
  /** On a cluster, channels of different slots cannot share a command. */
  readonly isSharded: boolean;
  readonly redirected: (redirected: Redirected) => void;
  readonly resumed: (channel: string) => void;
}

/** A wanted channel. If it is deleted and added again, it gets a new object. */
interface Place {
  readonly channel: string;
  /** Where it is subscribed; undefined while it is not. */
  at: Subscriber | undefined;
  /**
   * Whether it was subscribed before, so that resubscribing it means lost messages are possible.
   */
  wasLive: boolean;
}

/** Most channels in one SUBSCRIBE, so that a reconnect does not build one huge command. */
const CHANNELS_MAX = 500;
const REDIRECTIONS_MAX = 4;
const RETRY_MS_FIRST = 50;
const RETRY_MS_MAX = 1_000;

export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  readonly #places = new Map<string, Place>();
  readonly #mending = new Set<Subscriber>();
  #failures = 0;
  #cancelRetry: Cancel | undefined;
  #closed = false;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /**
   * Resolves when the server has confirmed the subscription. Call `delete` even if this rejects.
   */
  async add(channel: string): Promise<void> {
    const place = this.#places.get(channel) ?? { channel, at: undefined, wasLive: false };
    this.#places.set(channel, place);
    for (let redirections = 0; ; redirections++) {
      const subscriber = this.#options.subscriberOf(channel);
      if (!subscriber) throw new StoreAway("no server is known to own the channel", { sent: false });
      try {
        await subscriber.subscribe([channel]);
        this.#arrived(place, subscriber);
        return;
      } catch (error) {
        if (!(error instanceof Redirected)) throw error;
        this.#options.redirected(error);
        if (redirections >= REDIRECTIONS_MAX) throw new StoreAway("the channel's slot is moving", { sent: false });
      }
    }
  }

  delete(channel: string): void {
    this.#places.get(channel)?.at?.unsubscribe(channel);
    this.#places.delete(channel);
  }

  /** To be called when the server has lost all its subscriptions. */
  lost(subscriber: Subscriber): void {
    for (const place of this.#places.values()) if (place.at === subscriber) place.at = undefined;
  }

  /** Subscribes every channel where it belongs. */
  mend(): void {
    if (this.#closed) return;
    const subscribers = new Set<Subscriber>();
    for (const place of this.#places.values()) {
      const subscriber = this.#options.subscriberOf(place.channel);
      if (subscriber && subscriber !== place.at) subscribers.add(subscriber);
    }
    // `mend` is called again when an unconnected server connects. One being mended checks again
    // itself.
    for (const subscriber of subscribers)
      if (subscriber.isUp && !this.#mending.has(subscriber)) void this.#mend(subscriber);
  }

  subscriberOf(channel: string): Subscriber | undefined {
    return this.#places.get(channel)?.at;
  }

  close(): void {
    this.#closed = true;
    this.#cancelRetry?.();
    this.#places.clear();
  }

  async #mend(subscriber: Subscriber): Promise<void> {
    this.#mending.add(subscriber);
    let isDone = true;
    for (let groups = this.#missingAt(subscriber); groups.length > 0 && isDone; groups = this.#missingAt(subscriber)) {
      isDone = (await Promise.all(groups.map((group) => this.#subscribe(subscriber, group)))).every(Boolean);
    }
    // Done in the step that found nothing missing, so that a later call starts again.
    this.#mending.delete(subscriber);
    if (isDone) this.#failures = 0;
    else this.#mendLater();
  }

  /** Channels that belong on `subscriber` but are missing there, in groups of one command each. */
  #missingAt(subscriber: Subscriber): Place[][] {
    const groups = new Map<number, Place[]>();
    let count = 0;
    if (this.#closed) return [];
    for (const place of this.#places.values()) {
      if (place.at === subscriber || this.#options.subscriberOf(place.channel) !== subscriber) continue;
      const key = this.#options.isSharded ? slotOf(place.channel) : Math.floor(count++ / CHANNELS_MAX);
      const group = groups.get(key);
      if (group) group.push(place);
      else groups.set(key, [place]);
    }
    return [...groups.values()];
  }

  async #subscribe(subscriber: Subscriber, places: readonly Place[]): Promise<boolean> {
    try {
      await subscriber.subscribe(places.map(({ channel }) => channel));
    } catch (error) {
      if (error instanceof Redirected) this.#options.redirected(error);
      return false;
    }
    for (const place of places) this.#arrived(place, subscriber);
    return true;
  }

  #arrived(place: Place, subscriber: Subscriber): void {
    const { channel } = place;
    const wanted = this.#places.get(channel);
    if (wanted !== place) {
      // The channel was deleted meanwhile. If it was added again, `add` subscribes it itself.
      if (!wanted) subscriber.unsubscribe(channel);
      return;
    }
    const before = place.at;
    if (before === subscriber) return;
    place.at = subscriber;
    before?.unsubscribe(channel);
    if (place.wasLive) this.#options.resumed(channel);
    place.wasLive = true;
  }

  #mendLater(): void {
    if (this.#closed) return;
    this.#cancelRetry?.();
    const pauseMs = backOffMs(realClock, this.#failures++, RETRY_MS_FIRST, RETRY_MS_MAX);
    this.#cancelRetry = realClock.after(pauseMs, () => this.mend());
  }
}
