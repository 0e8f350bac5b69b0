/* Who listens on which channel of a link: several may share one, and the last who leaves ends the subscription. */

import type { Unsubscribe } from "./store.js";
import type { ValkeyLink } from "./valkey-link.js";

export interface ChannelListener {
  message(text: string): void;
  /** The channel was interrupted and is live again. */
  resumed(): void;
}

export class Channels {
  readonly #listeners = new Map<string, Set<ChannelListener>>();

  deliver(channel: string, text: string): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener.message(text);
  }

  resumed(channel: string): void {
    for (const listener of this.#listeners.get(channel) ?? []) listener.resumed();
  }

  /** Resolves when the subscription is live. */
  async subscribe(link: ValkeyLink, channel: string, listener: ChannelListener): Promise<Unsubscribe> {
    const listeners = this.#listeners.get(channel) ?? new Set<ChannelListener>();
    this.#listeners.set(channel, listeners);
    listeners.add(listener);
    const unsubscribe = () => {
      if (!listeners.delete(listener) || listeners.size > 0) return;
      if (this.#listeners.get(channel) !== listeners) return;
      this.#listeners.delete(channel);
      link.unsubscribe(channel);
    };
    try {
      // Also for the second listener of a channel: its own reply is what tells that the subscription is live.
      await link.subscribe(channel);
    } catch (error) {
      unsubscribe();
      throw error;
    }
    return unsubscribe;
  }

  close(): void {
    this.#listeners.clear();
  }
}
