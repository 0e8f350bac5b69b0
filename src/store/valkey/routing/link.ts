/*
 * Connects the store to Valkey: one server, the primary that Sentinel names, or a cluster. A single
 * server is treated as a cluster in which one server owns all slots.
 *
 *     command ─► the key's slot ─► its owner ─► answer
 *                                    │
 *                                    ├ MOVED  the slot has a new owner: note it, send it there
 *                                    ├ ASK    only this key has moved: send it there, after ASKING
 *                                    └ the connection breaks: StoreAway
 *
 * A command is resent only after a redirection, which proves that it has not run. After any other
 * failure the caller decides. MOVED and broken connections are also hints that the slot map is out
 * of date (slot-refresh.ts).
 */

import type { Durability } from "../../durability.js";
import { Listeners, type Unsubscribe } from "../../listeners.js";
import { StoreAway, StoreUnusable } from "../../store.js";
import type { Endpoint, ValkeyAddress } from "../address/url.js";
import type { PublishCommand, ScriptCall } from "../scripts/scripts.js";
import type { Command } from "../server/connection.js";
import { type CommonEvents, type ServerOptions, ValkeyServer } from "../server/server.js";
import { Redirected } from "../trouble/replies.js";
import { Explained } from "../trouble/trouble.js";
import { Servers } from "./servers.js";
import { ALL_SLOTS, slotOf } from "./slot-map.js";
import { SlotRefresh } from "./slot-refresh.js";
import { Subscriptions } from "./subscriptions.js";

const REDIRECTIONS_MAX = 4;

interface ChannelListener {
  message(text: string): void;
  /** The channel is live again after an interruption. */
  resumed(): void;
}

/** Something that a server is asked to do. With `isAsking`, after an ASK redirection. */
type Action<Result> = (server: ValkeyServer, isAsking: boolean) => Promise<Result>;

/** Every method except `close` may reject with StoreAway. */
export class ValkeyLink {
  /** The command that publishes messages to this link's subscriptions. */
  readonly publish: PublishCommand;
  readonly #address: ValkeyAddress;
  readonly #events: CommonEvents;
  readonly #servers: Servers;
  /** Set on a cluster only. */
  readonly #refresh: SlotRefresh | undefined;
  readonly #subscriptions: Subscriptions;
  /** Channel -> its listeners. */
  readonly #listeners = new Listeners<ChannelListener>();
  #available = false;
  #closed = false;

  constructor(address: ValkeyAddress, options: ServerOptions, events: CommonEvents) {
    const isCluster = address.kind === "cluster";
    this.publish = isCluster ? "SPUBLISH" : "PUBLISH";
    this.#address = address;
    this.#events = events;
    this.#servers = new Servers((endpoint) => this.#connect(endpoint, options));
    const changed = () => {
      this.#setAvailable();
      this.#subscriptions.mend();
    };
    if (isCluster) this.#refresh = new SlotRefresh(address, this.#servers, { changed, incident: events.incident });
    this.#subscriptions = new Subscriptions({
      subscriberOf: (channel) => this.#servers.ownerOf(slotOf(channel))?.subscriber,
      isSharded: isCluster,
      redirected: (redirected) => this.#refresh?.follow(redirected),
      resumed: (channel) => {
        for (const listener of this.#listeners.of(channel)) listener.resumed();
      },
    });
  }

  /** Rejects with StoreUnusable. `shownUrl` is the address without its password, for messages. */
  async open(shownUrl: string): Promise<void> {
    let failure: StoreUnusable | undefined;
    for (const seed of seedsOf(this.#address)) {
      const server = this.#servers.at(seed);
      try {
        return await this.#start(server);
      } catch (error) {
        const { text, isAnswer } = await server.explain(error);
        const what = this.#address.kind === "cluster" ? "the Valkey Cluster" : "Valkey";
        failure = new StoreUnusable(`cannot ${isAnswer ? "use" : "reach"} ${what} at ${shownUrl}: ${text}`, error);
      }
    }
    this.close();
    throw failure;
  }

  /** Whether the server answers; on a cluster, whether any server does. */
  get available(): boolean {
    return this.#available;
  }

  /**
   * Runs a script on the server that owns its keys. Resolves when its effect is as safe as
   * `durability`.
   */
  run<Result>(call: ScriptCall<Result>, durability?: Durability): Promise<Result> {
    return this.#route(call.keys[0] ?? "", (server, isAsking) => server.run(call, durability, isAsking));
  }

  /** Runs any command on the server that owns `key`. */
  command(key: string, ...command: Command): Promise<unknown> {
    return this.#route(key, (server, isAsking) => server.commands.command(command, isAsking));
  }

  /** Like `command`, but returns strings as Buffers. */
  bytes(key: string, ...command: Command): Promise<unknown> {
    return this.#route(key, (server, isAsking) => server.commands.bytes(command, isAsking));
  }

  /** Runs any command on every reachable server that has keys. Resolves with their answers. */
  async everywhere(...command: Command): Promise<unknown[]> {
    const asked = this.#servers.owners.map(async (server) => [await server.commands.command(command)]);
    const orNone = (error: unknown) => {
      if (!(error instanceof StoreAway)) throw error;
      return [];
    };
    return (await Promise.all(asked.map((answer) => answer.catch(orNone)))).flat();
  }

  /**
   * Resolves when the subscription is live. It is kept alive, and interruptions are reported to the
   * listener.
   */
  async subscribe(channel: string, listener: ChannelListener): Promise<Unsubscribe> {
    const unsubscribe = this.#listeners.add(channel, listener, () => this.#subscriptions.delete(channel));
    try {
      // A second listener waits too, because only the server's reply shows that the subscription is
      // live.
      await this.#subscriptions.add(channel);
    } catch (error) {
      unsubscribe();
      throw error;
    }
    return unsubscribe;
  }

  /** Replaces the subscriber connections of these channels. */
  restartSubscribers(channels: readonly string[]): void {
    const subscribers = new Set(channels.map((channel) => this.#subscriptions.subscriberOf(channel)));
    for (const server of this.#servers.all) if (subscribers.has(server.subscriber)) server.restartSubscriber();
  }

  /** Stops reading subscriber connections for `ms`, or until `wake`. */
  doze(ms: number): void {
    for (const server of this.#servers.all) server.subscriber.doze(ms);
  }

  wake(): void {
    for (const server of this.#servers.all) server.subscriber.wake();
  }

  close(): void {
    this.#closed = true;
    this.#listeners.clear();
    this.#refresh?.close();
    this.#subscriptions.close();
    this.#servers.close();
  }

  async #start(seed: ValkeyServer): Promise<void> {
    if (!this.#refresh) this.#servers.adopt([{ ...ALL_SLOTS, primary: seed.endpoint }]);
    await seed.firstUp();
    if (this.#refresh) return this.#refresh.start(seed);
    if (this.#address.kind === "single" && (await isInCluster(seed))) {
      throw new Explained("cluster", "it is part of a cluster. Write valkey+cluster:// instead of valkey://", true);
    }
  }

  #connect(endpoint: Endpoint, options: ServerOptions): ValkeyServer {
    const server: ValkeyServer = new ValkeyServer(this.#address, endpoint, options, {
      ...this.#events,
      message: (channel, text) => {
        for (const listener of this.#listeners.of(channel)) listener.message(text);
      },
      available: () => {
        this.#setAvailable();
        this.#refresh?.hint();
      },
      subscriberReady: () => {
        this.#subscriptions.lost(server.subscriber);
        this.#subscriptions.mend();
      },
      channelsMoved: () => this.#refresh?.hint(server),
    });
    return server;
  }

  #setAvailable(): void {
    const available = !this.#refresh?.isDown && this.#servers.owners.some((server) => server.available);
    if (available === this.#available || this.#closed) return;
    this.#available = available;
    this.#events.available(available);
  }

  #route<Result>(key: string, action: Action<Result>): Promise<Result> {
    // One server alone owns every slot.
    const slot = this.#refresh ? slotOf(key) : ALL_SLOTS.first;
    const server = this.#servers.ownerOf(slot);
    if (!server) {
      return Promise.reject(new StoreAway(`no server of the cluster is known to own slot ${slot}`, { sent: false }));
    }
    return action(server, false).catch((error) => this.#redirect(slot, action, error));
  }

  /** Follows redirections, if that is why the first attempt failed. */
  async #redirect<Result>(slot: number, action: Action<Result>, failure: unknown): Promise<Result> {
    let error = failure;
    for (let redirections = 0; ; redirections++) {
      if (error instanceof StoreAway) this.#refresh?.hint();
      if (!(error instanceof Redirected) || !this.#refresh) throw error;
      const server = this.#refresh.follow(error);
      if (redirections === REDIRECTIONS_MAX) throw new StoreAway(`slot ${slot} is moving`, { sent: false });
      try {
        return await action(server, error.isAsk);
      } catch (next) {
        error = next;
      }
    }
  }
}

function seedsOf(address: ValkeyAddress): readonly Endpoint[] {
  if (address.kind === "cluster") return address.seeds;
  // The Valkey client finds the primary through Sentinel, so this endpoint is only a name.
  return [address.kind === "single" ? address.endpoint : { host: address.name, port: 0 }];
}

/** False outside a cluster, where the command is an error, and if the user may not run it. */
function isInCluster(server: ValkeyServer): Promise<boolean> {
  return server.commands.command(["CLUSTER", "INFO"]).then(
    () => true,
    () => false,
  );
}
