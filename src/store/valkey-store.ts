/*
 * The store over Valkey. A page lives under the keys of keys.ts; commit and since are one script run each, so their
 * steps cannot be torn apart by another instance. Pub/Sub delivers at most once: this file reports every interruption
 * (`resumed`), and the followers ask for what they missed.
 */

import type { Snapshot } from "../board/delta.js";
import type { PageRef } from "../board/geometry.js";
import { GENESIS, type Position } from "../board/position.js";
import { pageKeys } from "./keys.js";
import { commitCall, readPublished, sinceCall } from "./scripts.js";
import {
  type Batch,
  type Committed,
  type Since,
  STORE_LIMITS,
  type Store,
  type StoreLimits,
  type SubscriptionListener,
  type Unsubscribe,
} from "./store.js";
import { Valkey } from "./valkey.js";

/** Channels in one SUBSCRIBE: keeps a reconnect with many pages from building one huge command. */
const SUBSCRIBE_CHANNELS_MAX = 500;

interface Channel {
  readonly page: number;
  readonly listeners: Set<SubscriptionListener>;
}

export interface ValkeyStoreOptions {
  readonly url: string;
  readonly limits?: StoreLimits;
  /** Told one line for each incident. */
  readonly incident?: (message: string, cause?: unknown) => void;
}

export class ValkeyStore implements Store {
  readonly engine = "valkey";
  readonly #limits: StoreLimits;
  readonly #incident: (message: string, cause?: unknown) => void;
  readonly #channels = new Map<string, Channel>();
  readonly #availability = new Set<(available: boolean) => void>();
  #link: Valkey | undefined;

  private constructor(options: ValkeyStoreOptions) {
    this.#limits = options.limits ?? STORE_LIMITS;
    this.#incident = options.incident ?? (() => undefined);
  }

  /** Rejects with StoreUnusable if the server cannot be reached. */
  static async open(options: ValkeyStoreOptions): Promise<ValkeyStore> {
    const store = new ValkeyStore(options);
    store.#link = await Valkey.connect(options.url, {
      message: (channel, message) => store.#deliver(channel, message),
      subscriberReady: () => void store.#resubscribe(),
      available: (available) => {
        for (const listener of store.#availability) listener(available);
      },
      incident: store.#incident,
    });
    return store;
  }

  get available(): boolean {
    return this.#valkey.available;
  }

  commit(page: PageRef, batch: Batch): Promise<Committed> {
    return this.#valkey.run(commitCall(page, batch, this.#limits, "PUBLISH"));
  }

  async read(page: PageRef): Promise<Snapshot> {
    const answer = await this.#valkey.run(sinceCall(page, undefined, this.#limits));
    if (answer.kind !== "snapshot") throw new Error("since.lua gave deltas where a snapshot was asked for");
    return answer;
  }

  since(page: PageRef, position: Position): Promise<Since> {
    return this.#valkey.run(sinceCall(page, position, this.#limits));
  }

  async subscribe(page: PageRef, listener: SubscriptionListener): Promise<Unsubscribe> {
    const name = pageKeys(page).channel;
    const channel = this.#channels.get(name) ?? { page: page.page, listeners: new Set<SubscriptionListener>() };
    this.#channels.set(name, channel);
    channel.listeners.add(listener);
    const unsubscribe = () => {
      if (!channel.listeners.delete(listener) || channel.listeners.size > 0) return;
      if (this.#channels.get(name) !== channel) return;
      this.#channels.delete(name);
      this.#valkey.unsubscribe(name);
    };
    try {
      // Also for the second listener of a channel: its own reply is what tells that the subscription is live.
      await this.#valkey.subscribe([name]);
    } catch (error) {
      unsubscribe();
      throw error;
    }
    return unsubscribe;
  }

  async positions(pages: readonly PageRef[]): Promise<Position[]> {
    const heads = pages.map((page) => pageKeys(page).head);
    const fields = await this.#valkey.fieldsOf(heads, ["v", "t"]);
    return fields.map(([version, tag]) => (version && tag ? { version: Number(version), tag } : GENESIS));
  }

  restartSubscriptions(): void {
    this.#incident("the subscriber connection to Valkey was found deaf: connecting anew");
    this.#valkey.restartSubscriber();
  }

  onAvailable(listener: (available: boolean) => void): Unsubscribe {
    this.#availability.add(listener);
    return () => this.#availability.delete(listener);
  }

  /** Runs any command, for the counters that instances share. */
  command(name: string, ...args: string[]): Promise<unknown> {
    return this.#valkey.command(name, ...args);
  }

  async close(): Promise<void> {
    this.#channels.clear();
    await this.#valkey.close();
  }

  get #valkey(): Valkey {
    if (!this.#link) throw new Error("the store is used before it is open");
    return this.#link;
  }

  #deliver(name: string, message: string): void {
    const channel = this.#channels.get(name);
    if (!channel) return;
    const delta = readPublished(channel.page, message);
    // Anyone with access to Valkey can publish; what is not a delta is not history.
    if (!delta) this.#incident(`a message on ${name} is not a delta`);
    else for (const listener of channel.listeners) listener.delta(delta);
  }

  async #resubscribe(): Promise<void> {
    const names = [...this.#channels.keys()];
    for (let at = 0; at < names.length; at += SUBSCRIBE_CHANNELS_MAX) {
      const some = names.slice(at, at + SUBSCRIBE_CHANNELS_MAX);
      try {
        await this.#valkey.subscribe(some);
      } catch {
        // The connection broke again: the next `ready` brings us back here, with all channels.
        return;
      }
      for (const name of some) for (const listener of this.#channels.get(name)?.listeners ?? []) listener.resumed();
    }
  }
}
