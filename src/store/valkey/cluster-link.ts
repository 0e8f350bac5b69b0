/*
 * The link to a Valkey Cluster: finds the primary that owns a key's slot, follows the cluster's redirections, and keeps
 * the map of slots fresh.
 *
 * A command is sent once. If the server answers that the slot is elsewhere it has not run, and goes there; if the
 * connection breaks, the caller is told and decides: no blind resend. The map is asked for again every second, and at
 * once when something hints that it is old: a redirection, a lost connection, a server that let go of channels. Asking is
 * limited in rate, and every connection comes back with growing, jittered pauses, so that a dead primary costs little.
 */

import type { Durability } from "../durability.js";
import { StoreAway, StoreUnusable } from "../store.js";
import { Redirected } from "./connection.js";
import { nodeIdAt } from "./inquiry.js";
import { answersInTime, answersOf, type FieldsAnswer, type LinkEvents, type ValkeyLink } from "./link.js";
import type { ScriptCall } from "./scripts.js";
import { type ServerOptions, ValkeyServer } from "./server.js";
import { readClusterSlots, SlotMap, slotOf } from "./slot-map.js";
import { Subscriptions } from "./subscriptions.js";
import { Explained, explain, type Trouble } from "./trouble.js";
import { type Endpoint, formatEndpoint, reachable, type ValkeyAddress } from "./url.js";

type ClusterAddress = Extract<ValkeyAddress, { kind: "cluster" }>;

const REDIRECTIONS_MAX = 4;
const REFRESH_MS = 1_000;
/** Between two refreshes that hints ask for. */
const REFRESH_MS_MIN = 100;
const REFRESH_ANSWER_MS_MAX = 500;
/** A server that owns no slot any more is let go after so long: a migration may go back and forth. */
const IDLE_MS_MAX = 30_000;
/** An announced address that leads nowhere is looked into again after so long. */
const SEEK_EVERY_MS = 10_000;

export class ClusterLink implements ValkeyLink {
  readonly publish = "SPUBLISH";
  readonly #address: ClusterAddress;
  readonly #options: ServerOptions;
  readonly #events: LinkEvents;
  readonly #slots = new SlotMap();
  /** `host:port` -> server. */
  readonly #servers = new Map<string, ValkeyServer>();
  /** Servers without a slot, and since when. */
  readonly #idleSinceMs = new Map<string, number>();
  readonly #subscriptions: Subscriptions<ValkeyServer>;
  /** Announced addresses -> where the same server was found instead. */
  readonly #found = new Map<string, Endpoint>();
  /** Announced addresses that are tried, or were lately. */
  readonly #reaching = new Map<string, Promise<void>>();
  /** Those that were told to lead nowhere. */
  readonly #unreachable = new Set<string>();
  /** Servers asked for their map; true if one more question is to follow. */
  readonly #asking = new Map<ValkeyServer, boolean>();
  /** Servers answer, and say that the cluster as a whole refuses to work. */
  #isDown = false;
  #refreshing: Promise<void> | undefined;
  #refreshedMs = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #available = false;
  #closed = false;

  private constructor(address: ClusterAddress, options: ServerOptions, events: LinkEvents) {
    this.#address = address;
    this.#options = options;
    this.#events = events;
    this.#subscriptions = new Subscriptions({
      serverOf: (channel) => this.#owner(slotOf(channel)),
      isSharded: true,
      redirected: (redirected) => this.#redirected(redirected),
      resumed: events.resumed,
    });
  }

  /** Rejects with StoreUnusable if no seed answers, or they are no cluster. */
  static async open(
    address: ClusterAddress,
    shownUrl: string,
    options: ServerOptions,
    events: LinkEvents,
  ): Promise<ClusterLink> {
    const link = new ClusterLink(address, options, events);
    let trouble: Trouble | undefined;
    let lastError: unknown;
    for (const seed of address.seeds) {
      try {
        await link.#learnFrom(seed);
        await Promise.all(link.#reaching.values());
        await link.#refresh();
        await Promise.all(link.#owners().map((server) => link.#refuseUnfit(server)));
        return link;
      } catch (error) {
        lastError = error;
        trouble = await link.#server(seed).explain(error);
      }
    }
    await link.close();
    throw new StoreUnusable(`cannot use the Valkey Cluster at ${shownUrl}: ${trouble?.text}`, lastError);
  }

  get available(): boolean {
    return this.#available;
  }

  run<Result>(call: ScriptCall<Result>, durability?: Durability): Promise<Result> {
    const slot = slotOf(call.keys[0] ?? "");
    return this.#route(slot, (server, isAsking) => server.run(call, durability, isAsking));
  }

  fieldsOf(keys: readonly string[], fields: readonly string[]): Promise<FieldsAnswer[]> {
    return answersInTime(
      keys.map((key) => this.#route(slotOf(key), (server, isAsking) => server.fields(key, fields, isAsking))),
    );
  }

  command(key: string, name: string, ...args: string[]): Promise<unknown> {
    return this.#route(slotOf(key), (server, isAsking) => server.command([name, ...args], isAsking));
  }

  bytes(key: string, name: string, ...args: string[]): Promise<unknown> {
    return this.#route(slotOf(key), (server, isAsking) => server.bytes([name, ...args], isAsking));
  }

  everywhere(name: string, ...args: string[]): Promise<unknown[]> {
    return answersOf(this.#owners().map((server) => server.command([name, ...args])));
  }

  subscribe(channel: string): Promise<void> {
    return this.#subscriptions.add(channel);
  }

  unsubscribe(channel: string): void {
    this.#subscriptions.delete(channel);
  }

  restartSubscribers(channels: readonly string[]): void {
    const servers = new Set(channels.map((channel) => this.#subscriptions.serverOf(channel)));
    for (const server of servers) server?.restartSubscriber();
  }

  doze(ms: number): void {
    for (const server of this.#servers.values()) server.doze(ms);
  }

  wake(): void {
    for (const server of this.#servers.values()) server.wake();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#subscriptions.close();
    for (const server of this.#servers.values()) server.close();
  }

  /** Does `action` at the slot's owner, and at whoever that one names instead. */
  async #route<Result>(
    slot: number,
    action: (server: ValkeyServer, isAsking: boolean) => Promise<Result>,
  ): Promise<Result> {
    let server = this.#owner(slot);
    let isAsking = false;
    for (let redirections = 0; redirections <= REDIRECTIONS_MAX; redirections++) {
      if (!server) throw new StoreAway(`no server of the cluster is known to own slot ${slot}`, { sent: false });
      try {
        return await action(server, isAsking);
      } catch (error) {
        if (error instanceof StoreAway) this.#refreshSoon();
        if (!(error instanceof Redirected)) throw error;
        this.#redirected(error);
        isAsking = error.isAsk;
        server = this.#server(this.#placeOf(error.to));
      }
    }
    throw new StoreAway(`slot ${slot} is moving`, { sent: false });
  }

  #owner(slot: number): ValkeyServer | undefined {
    const owner = this.#slots.owner(slot);
    return owner === undefined ? undefined : this.#servers.get(owner);
  }

  #owners(): ValkeyServer[] {
    return Array.from(this.#slots.primaries, (owner) => this.#servers.get(owner)).filter((server) => !!server);
  }

  #redirected({ slot, to: announced, isAsk }: Redirected): void {
    const to = this.#placeOf(announced);
    this.#server(to);
    if (isAsk) return;
    this.#slots.move(slot, to);
    this.#subscriptions.mend();
    this.#refreshSoon();
  }

  #server(endpoint: Endpoint): ValkeyServer {
    const name = formatEndpoint(endpoint);
    const known = this.#servers.get(name);
    if (known) return known;
    const server = new ValkeyServer(this.#address, endpoint, this.#options, {
      message: this.#events.message,
      failure: this.#events.failure,
      incident: this.#events.incident,
      subscriberReady: () => {
        this.#subscriptions.lost(server);
        this.#subscriptions.mend();
      },
      channelsMoved: () => this.#refreshSoon(server),
      available: () => {
        this.#setAvailable();
        this.#refreshSoon();
      },
    });
    this.#servers.set(name, server);
    return server;
  }

  #setAvailable(): void {
    const available = !this.#isDown && this.#owners().some((server) => server.available);
    if (available === this.#available || this.#closed) return;
    this.#available = available;
    this.#events.available(available);
  }

  #scheduleRefresh(ms: number): void {
    clearTimeout(this.#timer);
    if (this.#closed) return;
    this.#timer = setTimeout(() => void this.#refresh(), ms * (0.75 + Math.random() / 2));
    this.#timer.unref();
  }

  /** Something hints that the map is old. `witness` is a server that is sure to know better. */
  #refreshSoon(witness?: ValkeyServer): void {
    if (this.#closed) return;
    if (witness) this.#askOnce(witness);
    const waitMs = this.#refreshedMs + REFRESH_MS_MIN - performance.now();
    this.#scheduleRefresh(Math.max(0, waitMs));
  }

  #refresh(): Promise<void> {
    this.#refreshing ??= this.#refreshNow().finally(() => {
      this.#refreshing = undefined;
      this.#refreshedMs = performance.now();
      this.#scheduleRefresh(REFRESH_MS);
    });
    return this.#refreshing;
  }

  async #refreshNow(): Promise<void> {
    const able = [...this.#servers.values()].filter((server) => server.available);
    const start = Math.floor(Math.random() * able.length);
    let isSaidDown = false;
    for (let at = 0; at < able.length; at++) {
      const server = able[(start + at) % able.length];
      const isUp = server && (await this.#ask(server).catch(() => undefined));
      if (isUp) return this.#closeIdle();
      isSaidDown ||= isUp === false;
    }
    this.#isDown = isSaidDown;
    this.#setAvailable();
    // Nobody who is known can tell: the cluster may have moved as a whole, and the seeds may know where.
    if (able.length === 0) for (const seed of this.#address.seeds) this.#server(seed);
  }

  /** A server that lets go of a thousand channels hints as often: one question, and one more for what came meanwhile. */
  #askOnce(witness: ValkeyServer): void {
    const isUnderWay = this.#asking.has(witness);
    this.#asking.set(witness, isUnderWay);
    if (isUnderWay) return;
    const ended = () => {
      const again = this.#asking.get(witness);
      this.#asking.delete(witness);
      if (again) this.#askOnce(witness);
    };
    this.#ask(witness).then(ended, ended);
  }

  async #learnFrom(seed: Endpoint): Promise<void> {
    const server = this.#server(seed);
    await server.firstUp();
    if (await this.#ask(server)) return;
    throw new Explained("down", "it says that the cluster is down. Look at CLUSTER INFO and CLUSTER NODES", true);
  }

  /**
   * One that cannot be reached may come back; one that answers, and is of no use, is for the
   * operator to mend.
   */
  async #refuseUnfit(server: ValkeyServer): Promise<void> {
    try {
      await server.firstUp();
    } catch (error) {
      if (explain(error, this.#address)?.isAnswer) throw error;
    }
  }

  #placeOf(announced: Endpoint): Endpoint {
    return this.#found.get(formatEndpoint(announced)) ?? reachable(this.#address, announced);
  }

  /**
   * A cluster may announce addresses that lead nowhere from here, as those inside of containers. If
   * such a server is at an address of the URL, or at its own port on a host of the URL, that is
   * used.
   */
  async #reach(announced: Endpoint, id: string): Promise<void> {
    const name = formatEndpoint(announced);
    const server = this.#server(this.#placeOf(announced));
    const failure = await server.firstUp().then(
      () => undefined,
      (error: unknown) => error,
    );
    if (failure === undefined || this.#closed || explain(failure, this.#address)?.isAnswer) return;
    const { seeds } = this.#address;
    const places = [...seeds, ...seeds.map(({ host }) => ({ host, port: announced.port }))];
    const ids = await Promise.all(places.map((place) => nodeIdAt(this.#address, place)));
    const found = places[id === "" ? -1 : ids.indexOf(id)];
    if (this.#closed) return;
    if (found && formatEndpoint(found) !== server.name) {
      this.#found.set(name, found);
      this.#servers.delete(server.name);
      server.close();
      this.#refreshSoon();
      const here = formatEndpoint(found);
      this.#events.incident(
        `the cluster announces ${name}, which cannot be reached: ${here} is the same server, and is used instead. ` +
          `To say so yourself set VALKEY_NAT_MAP=${name}=${here}`,
      );
      return;
    }
    setTimeout(() => this.#reaching.delete(name), SEEK_EVERY_MS).unref();
    // One that is merely down is told of by its own line.
    if (seeds.some(({ host }) => host === announced.host) || this.#unreachable.has(name)) return;
    this.#unreachable.add(name);
    this.#events.incident(
      `the cluster announces ${name}, which cannot be reached: its pages cannot be written. ` +
        `Set VALKEY_NAT_MAP=${name}=host:port, with the address at which it is reached from here`,
    );
  }

  /**
   * Takes over the map that a server has; false if the server itself says that it does not see a working cluster, as one
   * that is cut off from the others does.
   */
  async #ask(server: ValkeyServer): Promise<boolean> {
    const late = new Promise<never>((_, fail) => {
      setTimeout(() => fail(new Error("no answer")), REFRESH_ANSWER_MS_MAX).unref();
    });
    const asked = Promise.all([server.command(["CLUSTER", "INFO"]), server.command(["CLUSTER", "SLOTS"])]);
    const [info, slots] = await Promise.race([asked, late]);
    if (!String(info).includes("cluster_state:ok")) return false;
    if (this.#closed) return true;
    const ranges = readClusterSlots(slots, server.endpoint);
    this.#slots.adopt(ranges.map(({ first, last, primary }) => ({ first, last, primary: this.#placeOf(primary) })));
    for (const { primary, id } of ranges) {
      const name = formatEndpoint(primary);
      this.#server(this.#placeOf(primary));
      if (!this.#reaching.has(name)) this.#reaching.set(name, this.#reach(primary, id));
    }
    this.#isDown = false;
    this.#setAvailable();
    this.#subscriptions.mend();
    return true;
  }

  #closeIdle(): void {
    const owners = this.#slots.primaries;
    const now = performance.now();
    for (const [name, server] of this.#servers) {
      if (owners.has(name)) this.#idleSinceMs.delete(name);
      else if (!this.#idleSinceMs.has(name)) this.#idleSinceMs.set(name, now);
      else if (now - (this.#idleSinceMs.get(name) ?? now) > IDLE_MS_MAX) {
        this.#idleSinceMs.delete(name);
        this.#servers.delete(name);
        server.close();
        this.#setAvailable();
      }
    }
  }
}
