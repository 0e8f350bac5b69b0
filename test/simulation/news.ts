/*
 * The connection on which an instance hears what is committed to the pages that it subscribed to. News may be lost, late,
 * repeated, and in any order between pages.
 *
 *     cut    nothing is heard until the pages are subscribed again, then `resumed`
 *     deaf   nothing is heard, and nothing says so, until `restart`
 */

import type { Delta } from "../../src/board/delta.js";
import { type PageRef, pageName } from "../../src/board/geometry.js";
import type { Cancel, Clock } from "../../src/protocol/clock.js";
import type { Claim } from "../../src/store/claims.js";
import type { Unsubscribe } from "../../src/store/listeners.js";
import { StoreAway, type SubscriptionListener } from "../../src/store/store.js";
import { Pipe } from "./pipe.js";
import type { StoreServer } from "./store-server.js";
import type { Weather } from "./weather.js";

export interface NewsListener {
  /** The instance was told this. */
  heard(name: string, delta: Delta): void;
  resumed(name: string): void;
}

interface Channel {
  readonly listeners: Set<SubscriptionListener>;
  news: Pipe;
  /** The server knows of it. */
  isLive: boolean;
}

export class News {
  readonly #server: StoreServer;
  readonly #clock: Clock;
  readonly #weather: Weather;
  readonly #listener: NewsListener;
  readonly #channels = new Map<string, Channel>();
  /** Subscriptions without an answer yet. */
  readonly #subscribing = new Set<() => void>();
  #isListening = true;
  #isDeaf = false;
  #isDead = false;
  /** While what comes is left unheard; ends it if it was not ended before. */
  #dozing: Cancel | undefined;
  /** Counts attempts at a new connection. */
  #listening = 0;

  constructor(server: StoreServer, clock: Clock, weather: Weather, listener: NewsListener) {
    this.#server = server;
    this.#clock = clock;
    this.#weather = weather;
    this.#listener = listener;
  }

  subscribe(page: PageRef, listener: SubscriptionListener): Promise<Unsubscribe> {
    if (!this.#isListening) return Promise.reject(new StoreAway("no connection for news", { sent: false }));
    this.wake();
    const name = pageName(page);
    const channel = this.#channels.get(name) ?? { listeners: new Set(), news: this.#newsPipe(), isLive: false };
    this.#channels.set(name, channel);
    channel.listeners.add(listener);
    const unsubscribe = () => {
      channel.listeners.delete(listener);
      if (channel.listeners.size === 0 && this.#channels.get(name) === channel) this.#channels.delete(name);
    };
    return new Promise((done, fail) => {
      const lose = () => {
        unsubscribe();
        fail(new StoreAway("the connection broke", { sent: true }));
      };
      this.#subscribing.add(lose);
      const serve = () => {
        if (!this.#subscribing.has(lose)) return;
        channel.isLive = true;
        channel.news.send(() => {
          if (this.#subscribing.delete(lose)) done(unsubscribe);
        });
      };
      this.#clock.after(this.#weather.delayMs(), () => this.#server.serve(serve));
    });
  }

  /** The server published this. */
  publish(name: string, delta: Delta, claims?: readonly Claim[]): void {
    const channel = this.#channels.get(name);
    if (!channel?.isLive || this.#isDeaf || this.#weather.losesNews()) return;
    const { news } = channel;
    const hear = () => {
      if (this.#isDead) return;
      this.#listener.heard(name, delta);
      for (const listener of channel.listeners) listener.delta(delta, claims);
    };
    news.send(hear);
    const repeatMs = this.#weather.repeatMs();
    if (repeatMs !== undefined) this.#clock.after(repeatMs, () => news.send(hear));
  }

  /** The connection breaks; after a while it stands again, and all pages are subscribed anew. */
  interrupt(): void {
    if (this.#isDead) return;
    this.#isListening = false;
    for (const channel of this.#channels.values()) {
      channel.news.cut();
      channel.news = this.#newsPipe();
      channel.isLive = false;
    }
    for (const lose of this.#subscribing) lose();
    this.#subscribing.clear();
    const attempt = ++this.#listening;
    this.#clock.after(this.#weather.reconnectMs(), () => {
      if (this.#listening !== attempt || this.#isDead) return;
      this.#isListening = true;
      for (const [name, channel] of this.#channels) {
        channel.isLive = true;
        channel.news.send(() => {
          if (this.#isDead) return;
          this.#listener.resumed(name);
          for (const listener of channel.listeners) listener.resumed();
        });
      }
    });
  }

  /** The connection goes silent without an error. */
  deafen(): void {
    this.#isDeaf = true;
  }

  doze(ms: number): void {
    this.#dozing?.();
    for (const { news } of this.#channels.values()) news.hold();
    this.#dozing = this.#clock.after(ms, () => this.wake());
  }

  wake(): void {
    this.#dozing?.();
    this.#dozing = undefined;
    for (const { news } of this.#channels.values()) news.release();
  }

  restart(): void {
    this.#isDeaf = false;
    this.interrupt();
  }

  die(): void {
    this.#isDead = true;
    this.#channels.clear();
    this.#subscribing.clear();
  }

  #newsPipe(): Pipe {
    return new Pipe(this.#clock, () => this.#weather.newsMs());
  }
}
