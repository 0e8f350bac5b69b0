/*
 * What one instance sees of the store: the contract of store.ts over two connections that break. One carries commands and
 * answers, in order; the other the news of each page, which may be lost, late, repeated, and in any order between pages.
 *
 *     commands   cut, or without an answer for ANSWER_MS_MAX: all that is under way ends with StoreAway{sent}, whether it
 *                had its effect or not; until the next connection stands, requests end with StoreAway at once
 *     news       cut: nothing is heard until the pages are subscribed again, then `resumed`. Or deaf: nothing is heard, and
 *                nothing says so, until `restartSubscriptions`
 *
 * It lives in the world, not in the instance: it goes on when the instance has died.
 */

import type { Delta, Snapshot } from "../../src/board/delta.js";
import { type PageRef, pageName } from "../../src/board/geometry.js";
import type { Position } from "../../src/board/position.js";
import type { Cancel, Clock } from "../../src/protocol/clock.js";
import { LocalOverview } from "../../src/store/local-overview.js";
import type { OverviewStore } from "../../src/store/overview.js";
import {
  type Batch,
  type Committed,
  type Replaced,
  type Since,
  type Store,
  StoreAway,
  type SubscriptionListener,
  type Unsubscribe,
} from "../../src/store/store.js";
import { Pipe } from "./pipe.js";
import type { StoreServer } from "./store-server.js";

export interface Weather {
  /** How long a command or an answer takes. */
  delayMs(): number;
  /** How long a piece of news takes. */
  newsMs(): number;
  losesNews(): boolean;
  /** When a piece of news is told again, if it is. */
  repeatMs(): number | undefined;
  /** How long until a lost connection stands again. */
  reconnectMs(): number;
}

export interface LinkListener {
  /** A request failed: for a while nothing can be expected in time. */
  troubled(): void;
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

/** Longer than any answer takes that is not lost. */
const ANSWER_MS_MAX = 300;

export class StoreLink implements Store {
  readonly engine = "simulated";
  readonly failures = 0;
  /** What one instance reports the others find by their checks: there is no news of it. */
  readonly overview: OverviewStore;
  readonly #server: StoreServer;
  readonly #clock: Clock;
  readonly #weather: Weather;
  readonly #listener: LinkListener;
  readonly #availability = new Set<(available: boolean) => void>();
  readonly #channels = new Map<string, Channel>();
  /** Ends all that is under way on the present connection for commands. */
  readonly #underWay = new Set<(away: StoreAway) => void>();
  #commands: { readonly up: Pipe; readonly down: Pipe } | undefined;
  /** Subscriptions without an answer yet. */
  readonly #subscribing = new Set<() => void>();
  /** Whether the connection for news stands. */
  #isListening = true;
  #isDeaf = false;
  #isDead = false;
  #listening = 0;

  constructor(server: StoreServer, clock: Clock, weather: Weather, listener: LinkListener) {
    this.#server = server;
    this.#clock = clock;
    this.#weather = weather;
    this.#listener = listener;
    this.#commands = this.#connection();
    this.overview = new LocalOverview({
      ...server.tallies,
      tally: (page) => server.tally(page),
      read: (action) => this.#ask(action),
      atomically: (action) => this.#ask(action),
    });
  }

  get available(): boolean {
    return this.#commands !== undefined;
  }

  commit(page: PageRef, batch: Batch): Promise<Committed> {
    return this.#ask(() => this.#server.commit(page, batch));
  }

  replace(page: PageRef, tag: string, bits: Uint8Array): Promise<Replaced> {
    return this.#ask(() => this.#server.replace(page, tag, bits));
  }

  read(page: PageRef): Promise<Snapshot> {
    return this.#ask(() => this.#server.snapshot(page));
  }

  since(page: PageRef, position: Position): Promise<Since> {
    return this.#ask(() => this.#server.since(page, position));
  }

  /** None is kept. */
  async history(): Promise<undefined> {
    return undefined;
  }

  positions(pages: readonly PageRef[]): Promise<Position[]> {
    return this.#ask(() => pages.map((page) => this.#server.position(page)));
  }

  announce(instance: string, text: string): Promise<readonly string[]> {
    return this.#ask(() => this.#server.instances.announce(instance, text));
  }

  subscribe(page: PageRef, listener: SubscriptionListener): Promise<Unsubscribe> {
    if (!this.#isListening) return Promise.reject(new StoreAway("no connection for news", { sent: false }));
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

  restartSubscriptions(): void {
    this.#isDeaf = false;
    this.interrupt();
  }

  onAvailable(listener: (available: boolean) => void): Unsubscribe {
    this.#availability.add(listener);
    return () => this.#availability.delete(listener);
  }

  async close(): Promise<void> {
    this.die();
  }

  /** The server published this. */
  publish(name: string, delta: Delta): void {
    const channel = this.#channels.get(name);
    if (!channel?.isLive || this.#isDeaf || this.#weather.losesNews()) return;
    const { news } = channel;
    const hear = () => {
      if (this.#isDead) return;
      this.#listener.heard(name, delta);
      for (const listener of channel.listeners) listener.delta(delta);
    };
    news.send(hear);
    const repeatMs = this.#weather.repeatMs();
    if (repeatMs !== undefined) this.#clock.after(repeatMs, () => news.send(hear));
  }

  /** The connection for commands breaks; what is on its way arrives all the same, or not. */
  cut(arrives: boolean): void {
    const commands = this.#commands;
    if (!commands || this.#isDead) return;
    this.#commands = undefined;
    commands.down.cut();
    if (!arrives) commands.up.cut();
    this.#listener.troubled();
    for (const end of this.#underWay) end(new StoreAway("the connection broke", { sent: true }));
    this.#underWay.clear();
    this.#tell(false);
    this.#reconnect();
  }

  /** The connection for news breaks; after a while it stands again, and all pages are subscribed anew. */
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

  /** The connection for news goes silent without an error. */
  deafen(): void {
    this.#isDeaf = true;
  }

  /** The instance is dead: what it sent may still arrive, but it hears nothing more. */
  die(): void {
    this.#isDead = true;
    this.#channels.clear();
    this.#underWay.clear();
    this.#subscribing.clear();
    this.#commands?.down.cut();
  }

  #connection(): { up: Pipe; down: Pipe } {
    return { up: this.#pipe(), down: this.#pipe() };
  }

  #pipe(): Pipe {
    return new Pipe(this.#clock, () => this.#weather.delayMs());
  }

  #newsPipe(): Pipe {
    return new Pipe(this.#clock, () => this.#weather.newsMs());
  }

  #reconnect(): void {
    this.#clock.after(this.#weather.reconnectMs(), () => {
      if (this.#isDead) return;
      if (this.#server.isHung) return this.#reconnect();
      this.#commands = this.#connection();
      this.#tell(true);
    });
  }

  #tell(available: boolean): void {
    for (const listener of this.#availability) listener(available);
  }

  #ask<Answer>(serve: () => Answer): Promise<Answer> {
    const commands = this.#commands;
    if (this.#isDead) return new Promise(() => undefined);
    if (!commands) {
      this.#listener.troubled();
      return Promise.reject(new StoreAway("no connection", { sent: false }));
    }
    return new Promise((done, fail) => {
      const late: Cancel = this.#clock.after(ANSWER_MS_MAX, () => {
        if (this.#commands === commands) this.cut(true);
      });
      const end = (away: StoreAway) => {
        late();
        fail(away);
      };
      this.#underWay.add(end);
      commands.up.send(() =>
        this.#server.serve(() => {
          const answer = serve();
          commands.down.send(() => {
            late();
            this.#underWay.delete(end);
            done(answer);
          });
        }),
      );
    });
  }
}
