/*
 * Keeps channels subscribed, each on the server that owns it now. When a connection comes back or a
 * slot moves, it compares where each channel is with where it belongs, and mends the difference.
 * Each server is mended by itself, so that one that hangs does not hold up the others. A channel
 * that was interrupted is reported as resumed, because messages may have been lost.
 *
 *     placed ──connection lost, or slot moved──► misplaced ──subscribed again──► placed, resumed
 *                                                   │  ▲
 *                                                   └──┘ refused: again after a growing pause
 */

import { backOffMs, type Cancel, realClock } from "../../protocol/clock.js";
import { StoreAway } from "../store.js";
import { Redirected } from "./replies.js";
import { slotOf } from "./slot-map.js";

/** What subscriptions need of a server. */
export interface SubscribedServer {
  readonly canSubscribe: boolean;
  subscribe(channels: readonly string[]): Promise<void>;
  unsubscribe(channel: string): void;
}

interface SubscriptionsOptions<Server extends SubscribedServer> {
  /** Where a channel belongs now; undefined if that is not known. */
  readonly serverOf: (channel: string) => Server | undefined;
  /** On a cluster, channels of different slots cannot share a command. */
  readonly isSharded: boolean;
  readonly redirected: (redirected: Redirected) => void;
  readonly resumed: (channel: string) => void;
}

/** A wanted channel. One that is deleted and added again is another object. */
interface Place<Server> {
  readonly channel: string;
  /** Where it is subscribed; undefined while it is nowhere. */
  at: Server | undefined;
  /** It was subscribed before, so messages may have been lost when it is subscribed again. */
  wasLive: boolean;
}

/** Channels in one SUBSCRIBE, so that a reconnect does not build one huge command. */
const CHANNELS_MAX = 500;
const REDIRECTIONS_MAX = 4;
const RETRY_MS_FIRST = 50;
const RETRY_MS_MAX = 1_000;

export class Subscriptions<Server extends SubscribedServer> {
  readonly #options: SubscriptionsOptions<Server>;
  readonly #places = new Map<string, Place<Server>>();
  readonly #mending = new Set<Server>();
  #failures = 0;
  #cancelRetry: Cancel | undefined;
  #closed = false;

  constructor(options: SubscriptionsOptions<Server>) {
    this.#options = options;
  }

  /** Resolves when the server has confirmed. Call `delete` even if this rejects. */
  async add(channel: string): Promise<void> {
    const place = this.#places.get(channel) ?? { channel, at: undefined, wasLive: false };
    this.#places.set(channel, place);
    for (let redirections = 0; ; redirections++) {
      const server = this.#options.serverOf(channel);
      if (!server) throw new StoreAway("no server is known to own the channel", { sent: false });
      try {
        await server.subscribe([channel]);
        this.#arrived(place, server);
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

  /** The server has lost all its subscriptions. */
  lost(server: Server): void {
    for (const place of this.#places.values()) if (place.at === server) place.at = undefined;
  }

  /** Brings every channel to where it belongs. */
  mend(): void {
    if (this.#closed) return;
    const servers = new Set<Server>();
    for (const place of this.#places.values()) {
      const server = this.#options.serverOf(place.channel);
      if (server && server !== place.at) servers.add(server);
    }
    // A server that is not connected calls `mend` later. One that is being mended looks again.
    for (const server of servers) if (server.canSubscribe && !this.#mending.has(server)) void this.#mend(server);
  }

  serverOf(channel: string): Server | undefined {
    return this.#places.get(channel)?.at;
  }

  close(): void {
    this.#closed = true;
    this.#cancelRetry?.();
    this.#places.clear();
  }

  async #mend(server: Server): Promise<void> {
    this.#mending.add(server);
    let isDone = true;
    for (let groups = this.#missingAt(server); groups.length > 0 && isDone; groups = this.#missingAt(server)) {
      isDone = (await Promise.all(groups.map((group) => this.#subscribe(server, group)))).every(Boolean);
    }
    // In the same step in which nothing was found missing, so that a later hint starts again.
    this.#mending.delete(server);
    if (isDone) this.#failures = 0;
    else this.#mendLater();
  }

  /** Channels that belong at `server` and are not there, in groups that one command may name. */
  #missingAt(server: Server): Place<Server>[][] {
    const groups = new Map<number, Place<Server>[]>();
    let count = 0;
    if (this.#closed) return [];
    for (const place of this.#places.values()) {
      if (place.at === server || this.#options.serverOf(place.channel) !== server) continue;
      const key = this.#options.isSharded ? slotOf(place.channel) : Math.floor(count++ / CHANNELS_MAX);
      const group = groups.get(key);
      if (group) group.push(place);
      else groups.set(key, [place]);
    }
    return [...groups.values()];
  }

  async #subscribe(server: Server, places: readonly Place<Server>[]): Promise<boolean> {
    try {
      await server.subscribe(places.map(({ channel }) => channel));
    } catch (error) {
      if (error instanceof Redirected) this.#options.redirected(error);
      return false;
    }
    for (const place of places) this.#arrived(place, server);
    return true;
  }

  #arrived(place: Place<Server>, server: Server): void {
    const { channel } = place;
    const wanted = this.#places.get(channel);
    if (wanted !== place) {
      // It was deleted meanwhile. If it was added again, its own subscription follows.
      if (!wanted) server.unsubscribe(channel);
      return;
    }
    const before = place.at;
    if (before === server) return;
    place.at = server;
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
