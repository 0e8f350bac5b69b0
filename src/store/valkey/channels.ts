/* The listeners of a link's channels; the last to leave a channel ends its subscription. */

import { Listeners, type Unsubscribe } from "../listeners.js";
import type { ValkeyLink } from "./link.js";

interface ChannelListener {
  message(text: string): void;
  /** The channel was interrupted and is live again. */
  resumed(): void;
}

export class Channels {
  readonly #listeners = new Listeners<ChannelListener>();

  deliver(channel: string, text: string): void {
    for (const listener of this.#listeners.of(channel)) listener.message(text);
  }

  resumed(channel: string): void {
    for (const listener of this.#listeners.of(channel)) listener.resumed();
  }

  /** Resolves when the subscription is live. */
  async subscribe(link: ValkeyLink, channel: string, listener: ChannelListener): Promise<Unsubscribe> {
    const unsubscribe = this.#listeners.add(channel, listener, () => link.unsubscribe(channel));
    try {
      // For a second listener too: only the server's reply shows that the subscription is live.
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
