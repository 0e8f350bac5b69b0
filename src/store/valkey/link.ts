/*
 * The way from the store to Valkey: one server, the primary that Sentinel names, or a cluster. A
 * single server is treated as a cluster in which one server owns all slots.
 *
 *     command ─► the key's slot ─► its owner ─► answer
 *                                    │
 *                                    ├ MOVED  the slot has a new owner: note that, send it there
 *                                    ├ ASK    only this key has moved so far: send it there, after ASKING
 *                                    └ the connection breaks: StoreAway
 *
 * A command is sent again only after a redirection, which proves that it has not run. After any
 * other failure the caller decides. MOVED and a broken connection also hint that the map of slots
 * is old (slot-refresh.ts).
 */

import { realClock, within } from "../../protocol/clock.js";
import { DamagedPage } from "../damage.js";
import type { Durability } from "../durability.js";
import { StoreAway, StoreUnusable } from "../store.js";
import type { Command } from "./connection.js";
import { Redirected } from "./replies.js";
import type { PublishCommand, ScriptCall } from "./scripts.js";
import { type CommonEvents, type ServerOptions, ValkeyServer } from "./server.js";
import { Servers } from "./servers.js";
import { ALL_SLOTS, slotOf } from "./slot-map.js";
import { SlotRefresh } from "./slot-refresh.js";
import { Subscriptions } from "./subscriptions.js";
import { Explained } from "./trouble.js";
import type { Endpoint, ValkeyAddress } from "./url.js";

const REDIRECTIONS_MAX = 4;
/** One slow server must not delay the answers of the others. */
const FIELDS_MS_MAX = 500;

type FieldsAnswer = (string | null)[] | DamagedPage | undefined;

export interface LinkEvents extends CommonEvents {
  /** The channel was interrupted and is live again. */
  resumed(channel: string): void;
}

/** Every method but `close` may reject with StoreAway. */
export class ValkeyLink {
  /** How messages are published so that the link hears them. */
  readonly publish: PublishCommand;
  readonly #address: ValkeyAddress;
  readonly #events: LinkEvents;
  readonly #servers: Servers;
  /** On a cluster. */
  readonly #refresh: SlotRefresh | undefined;
  readonly #subscriptions: Subscriptions<ValkeyServer>;
  #available = false;
  #closed = false;

  private constructor(address: ValkeyAddress, options: ServerOptions, events: LinkEvents) {
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
      serverOf: (channel) => this.#servers.ownerOf(slotOf(channel)),
      isSharded: isCluster,
      redirected: (redirected) => this.#refresh?.follow(redirected),
      resumed: events.resumed,
    });
  }

  /** Rejects with StoreUnusable. `shownUrl` is the address without its password. */
  static async open(
    address: ValkeyAddress,
    shownUrl: string,
    options: ServerOptions,
    events: LinkEvents,
  ): Promise<ValkeyLink> {
    const link = new ValkeyLink(address, options, events);
    let failure: StoreUnusable | undefined;
    for (const seed of seedsOf(address)) {
      const server = link.#servers.at(seed);
      try {
        await link.#start(server);
        return link;
      } catch (error) {
        const { text, isAnswer } = await server.explain(error);
        const what = address.kind === "cluster" ? "the Valkey Cluster" : "Valkey";
        failure = new StoreUnusable(`cannot ${isAnswer ? "use" : "reach"} ${what} at ${shownUrl}: ${text}`, error);
      }
    }
    await link.close();
    throw failure;
  }

  /** Whether a server answers; on a cluster, whether any does. */
  get available(): boolean {
    return this.#available;
  }

  /** Runs a script where its keys live; resolves when its effect is as safe as `durability`. */
  run<Result>(call: ScriptCall<Result>, durability?: Durability): Promise<Result> {
    return this.#route(call.keys[0] ?? "", (server, isAsking) => server.run(call, durability, isAsking));
  }

  /** The same fields of many hashes at once; undefined if a hash's server does not answer soon. */
  fieldsOf(keys: readonly string[], fields: readonly string[]): Promise<FieldsAnswer[]> {
    const late = () => new StoreAway("no answer in time", { sent: true });
    return Promise.all(
      keys.map((key) => {
        const answer = this.#route(key, (server, isAsking) => server.fields(key, fields, isAsking));
        return within(realClock, FIELDS_MS_MAX, answer, late).catch((error: unknown) =>
          error instanceof DamagedPage ? error : undefinedIfAway(error),
        );
      }),
    );
  }

  /** Any command, where `key` lives. */
  command(key: string, ...command: Command): Promise<unknown> {
    return this.#route(key, (server, isAsking) => server.command(command, isAsking));
  }

  /** As `command`, with strings as Buffers. */
  bytes(key: string, ...command: Command): Promise<unknown> {
    return this.#route(key, (server, isAsking) => server.bytes(command, isAsking));
  }

  /** Any command, on every server that has keys and can be reached; their answers. */
  async everywhere(...command: Command): Promise<unknown[]> {
    const asked = this.#servers.owners.map(async (server) => [await server.command(command)]);
    const answers = await Promise.all(asked.map((each) => each.catch(undefinedIfAway)));
    return answers.flatMap((answer) => answer ?? []);
  }

  /** Resolves when the subscription is live. It is kept alive, and interruptions are reported. */
  subscribe(channel: string): Promise<void> {
    return this.#subscriptions.add(channel);
  }

  unsubscribe(channel: string): void {
    this.#subscriptions.delete(channel);
  }

  /** Replaces the subscriber connections of these channels. */
  restartSubscribers(channels: readonly string[]): void {
    const servers = new Set(channels.map((channel) => this.#subscriptions.serverOf(channel)));
    for (const server of servers) server?.restartSubscriber();
  }

  /** Leaves subscriber connections unread for `ms`, or until `wake`. */
  doze(ms: number): void {
    for (const server of this.#servers.all) server.doze(ms);
  }

  wake(): void {
    for (const server of this.#servers.all) server.wake();
  }

  async close(): Promise<void> {
    this.#closed = true;
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
      available: () => {
        this.#setAvailable();
        this.#refresh?.hint();
      },
      subscriberReady: () => {
        this.#subscriptions.lost(server);
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

  async #route<Result>(
    key: string,
    action: (server: ValkeyServer, isAsking: boolean) => Promise<Result>,
  ): Promise<Result> {
    const slot = slotOf(key);
    let server = this.#servers.ownerOf(slot);
    let isAsking = false;
    for (let redirections = 0; redirections <= REDIRECTIONS_MAX; redirections++) {
      if (!server) throw new StoreAway(`no server of the cluster is known to own slot ${slot}`, { sent: false });
      try {
        return await action(server, isAsking);
      } catch (error) {
        if (error instanceof StoreAway) this.#refresh?.hint();
        if (!(error instanceof Redirected) || !this.#refresh) throw error;
        isAsking = error.isAsk;
        server = this.#refresh.follow(error);
      }
    }
    throw new StoreAway(`slot ${slot} is moving`, { sent: false });
  }
}

function seedsOf(address: ValkeyAddress): readonly Endpoint[] {
  if (address.kind === "cluster") return address.seeds;
  // Sentinel's own client finds the primary; the endpoint is then only a name.
  return [address.kind === "single" ? address.endpoint : { host: address.name, port: 0 }];
}

/** Outside a cluster the answer is an error, as it is if the command is not allowed. */
function isInCluster(server: ValkeyServer): Promise<boolean> {
  return server.command(["CLUSTER", "INFO"]).then(
    () => true,
    () => false,
  );
}

function undefinedIfAway(error: unknown): undefined {
  if (!(error instanceof StoreAway)) throw error;
}
