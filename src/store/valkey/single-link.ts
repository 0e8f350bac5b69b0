/* The link to one Valkey server: at a fixed address, or at the one that Sentinel names. */

import type { Durability } from "../durability.js";
import { StoreUnusable } from "../store.js";
import { answersInTime, answersOf, type FieldsAnswer, type LinkEvents, type ValkeyLink } from "./link.js";
import type { ScriptCall } from "./scripts.js";
import { type ServerOptions, ValkeyServer } from "./server.js";
import { Subscriptions } from "./subscriptions.js";
import type { ValkeyAddress } from "./url.js";

type SingleAddress = Extract<ValkeyAddress, { kind: "single" | "sentinel" }>;

export class SingleLink implements ValkeyLink {
  readonly publish = "PUBLISH";
  readonly #server: ValkeyServer;
  readonly #subscriptions: Subscriptions<ValkeyServer>;

  private constructor(address: SingleAddress, options: ServerOptions, events: LinkEvents) {
    // Sentinel's own client finds the primary; the endpoint is then only a name.
    const endpoint = address.kind === "single" ? address.endpoint : { host: address.name, port: 0 };
    this.#server = new ValkeyServer(address, endpoint, options, {
      ...events,
      subscriberReady: () => {
        this.#subscriptions.lost(this.#server);
        this.#subscriptions.mend();
      },
      channelsMoved: () => undefined,
    });
    this.#subscriptions = new Subscriptions({
      serverOf: () => this.#server,
      isSharded: false,
      redirected: () => undefined,
      resumed: events.resumed,
    });
  }

  /** Rejects with StoreUnusable. `shownUrl` is the address without its password. */
  static async open(
    address: SingleAddress,
    shownUrl: string,
    options: ServerOptions,
    events: LinkEvents,
  ): Promise<SingleLink> {
    const link = new SingleLink(address, options, events);
    try {
      await link.#server.firstUp();
    } catch (error) {
      const { text, isAnswer } = await link.#server.explain(error);
      await link.close();
      throw new StoreUnusable(`cannot ${isAnswer ? "use" : "reach"} Valkey at ${shownUrl}: ${text}`, error);
    }
    if (address.kind === "single" && (await isInCluster(link.#server))) {
      await link.close();
      throw new StoreUnusable(
        `Valkey at ${shownUrl} is part of a cluster: write valkey+cluster:// instead of valkey://`,
      );
    }
    return link;
  }

  get available(): boolean {
    return this.#server.available;
  }

  run<Result>(call: ScriptCall<Result>, durability?: Durability): Promise<Result> {
    return this.#server.run(call, durability);
  }

  fieldsOf(keys: readonly string[], fields: readonly string[]): Promise<FieldsAnswer[]> {
    return answersInTime(keys.map((key) => this.#server.fields(key, fields)));
  }

  command(_key: string, name: string, ...args: string[]): Promise<unknown> {
    return this.#server.command([name, ...args]);
  }

  bytes(_key: string, name: string, ...args: string[]): Promise<unknown> {
    return this.#server.bytes([name, ...args]);
  }

  everywhere(name: string, ...args: string[]): Promise<unknown[]> {
    return answersOf([this.#server.command([name, ...args])]);
  }

  subscribe(channel: string): Promise<void> {
    return this.#subscriptions.add(channel);
  }

  unsubscribe(channel: string): void {
    this.#subscriptions.delete(channel);
  }

  restartSubscribers(): void {
    this.#server.restartSubscriber();
  }

  doze(ms: number): void {
    this.#server.doze(ms);
  }

  wake(): void {
    this.#server.wake();
  }

  async close(): Promise<void> {
    this.#subscriptions.close();
    this.#server.close();
  }
}

/** A server outside a cluster answers with an error; so does one where the command is not allowed. */
function isInCluster(server: ValkeyServer): Promise<boolean> {
  return server.command(["CLUSTER", "INFO"]).then(
    () => true,
    () => false,
  );
}
