/*
 * Keeps channels subscribed, each on the server that has it now. Told of what may have changed (a connection came back, a
 * slot moved), it compares where each channel is with where it belongs and mends the difference; whatever was
 * interrupted is reported as resumed, because messages may have been lost.
 *
 *     placed ──server lost its connection, or the slot moved──► misplaced ──subscribed again──► placed, resumed
 *                                                                  │  ▲
 *                                                                  └──┘ refused: again after a pause, which grows
 */

import { slotOf } from "./slot-map.js";
import { StoreAway } from "./store.js";
import { Redirected } from "./valkey.js";
import type { ValkeyServer } from "./valkey-server.js";

export interface SubscriptionsOptions {
  /** Where a channel belongs now; undefined if that is not known. */
  readonly serverOf: (channel: string) => ValkeyServer | undefined;
  /** On a cluster, channels of different slots cannot share a command. */
  readonly isSharded: boolean;
  readonly redirected: (redirected: Redirected, by: ValkeyServer) => void;
  readonly resumed: (channel: string) => void;
}

/** Channels in one SUBSCRIBE: keeps a reconnect with many pages from building one huge command. */
const CHANNELS_MAX = 500;
const REDIRECTIONS_MAX = 4;
const RETRY_MS_FIRST = 50;
const RETRY_MS_MAX = 1_000;

export class Subscriptions {
  readonly #options: SubscriptionsOptions;
  /** Channel -> where it is subscribed; undefined while it is nowhere. */
  readonly #placed = new Map<string, ValkeyServer | undefined>();
  #running: Promise<void> | undefined;
  #again = false;
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
  }

  /** Resolves when the server has confirmed the subscription. */
  async add(channel: string): Promise<void> {
    for (let redirections = 0; ; redirections++) {
      const server = this.#options.serverOf(channel);
      if (!server) throw new StoreAway("nobody is known to have the channel", { sent: false });
      try {
        await server.subscribe([channel]);
        this.#placed.set(channel, server);
        return;
      } catch (error) {
        if (!(error instanceof Redirected)) throw error;
        this.#options.redirected(error, server);
        if (redirections >= REDIRECTIONS_MAX) throw new StoreAway("the channel's slot is moving", { sent: false });
      }
    }
  }

  delete(channel: string): void {
    this.#placed.get(channel)?.unsubscribe(channel);
    this.#placed.delete(channel);
  }

  /** The server has lost all its subscriptions. */
  lost(server: ValkeyServer): void {
    for (const [channel, at] of this.#placed) if (at === server) this.#placed.set(channel, undefined);
  }

  /** Brings every channel to where it belongs. */
  mend(): void {
    this.#again = true;
    this.#running ??= this.#mend().finally(() => {
      this.#running = undefined;
    });
  }

  serverOf(channel: string): ValkeyServer | undefined {
    return this.#placed.get(channel);
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#placed.clear();
  }

  async #mend(): Promise<void> {
    while (this.#again && !this.#closed) {
      this.#again = false;
      clearTimeout(this.#retry);
      const groups = this.#misplaced();
      const done = await Promise.all(groups.map(({ server, channels }) => this.#move(server, channels)));
      if (done.every(Boolean)) this.#failures = 0;
      else this.#mendLater();
    }
  }

  #misplaced(): { server: ValkeyServer; channels: string[] }[] {
    const groups = new Map<string, { server: ValkeyServer; channels: string[] }>();
    for (const [channel, at] of this.#placed) {
      const server = this.#options.serverOf(channel);
      // A server that is not there yet calls us when it is.
      if (!server?.canSubscribe || at === server) continue;
      const key = this.#options.isSharded ? `${server.name} ${slotOf(channel)}` : server.name;
      const group = groups.get(key) ?? { server, channels: [] };
      groups.set(key, group);
      group.channels.push(channel);
    }
    return [...groups.values()];
  }

  async #move(server: ValkeyServer, channels: readonly string[]): Promise<boolean> {
    for (let at = 0; at < channels.length; at += CHANNELS_MAX) {
      const some = channels.slice(at, at + CHANNELS_MAX);
      try {
        await server.subscribe(some);
      } catch (error) {
        if (error instanceof Redirected) this.#options.redirected(error, server);
        return false;
      }
      for (const channel of some) this.#arrived(channel, server);
    }
    return true;
  }

  #arrived(channel: string, server: ValkeyServer): void {
    if (!this.#placed.has(channel)) {
      server.unsubscribe(channel);
      return;
    }
    const before = this.#placed.get(channel);
    this.#placed.set(channel, server);
    if (before && before !== server) before.unsubscribe(channel);
    this.#options.resumed(channel);
  }

  #mendLater(): void {
    const pauseMs = Math.min(RETRY_MS_MAX, RETRY_MS_FIRST * 2 ** Math.min(this.#failures++, 10));
    this.#retry = setTimeout(() => this.mend(), pauseMs * (0.5 + Math.random() / 2));
    this.#retry.unref();
  }
}
