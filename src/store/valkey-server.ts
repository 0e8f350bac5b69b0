/*
 * One Valkey server: a connection for commands, one for subscriptions, and, only where boards ask for more than
 * `applied`, one for each level asked, for the writes that wait for their copies. Their number does not depend on that of users. Tells its loss
 * and its return once each, with what was counted in between.
 */

import { APPLIED, type Durability, formatDurability } from "./durability.js";
import { DurableLane } from "./durable-lane.js";
import type { ScriptCall } from "./scripts.js";
import { StoreAway } from "./store.js";
import { type ConnectionEvents, errorCode, isRefusal, ValkeyConnection } from "./valkey.js";
import { type Endpoint, formatEndpoint, type ValkeyAddress } from "./valkey-url.js";

const BEAT_MS = 1_000;
const LEAVE_EVERY_MS = 1_000;
/** So long without a command refused, and it is over. */
const REFUSED_MS_AGO = 5_000;

export interface ServerEvents {
  /** A published message. */
  message(channel: string, message: string): void;
  /** The subscriber connection came (back) up; nothing is subscribed on it yet. */
  subscriberReady(): void;
  /** The server let go of some channels: their slot is another's now. */
  channelsMoved(): void;
  available(available: boolean): void;
  /** A command or an attempt to connect failed. Counted, not logged. */
  failure(): void;
  /** One line for the log; at most one for each incident. */
  incident(message: string, cause?: unknown): void;
}

export interface ServerOptions {
  /** How long a write waits for its copies. */
  readonly durabilityWaitMs: number;
}

export class ValkeyServer {
  /** `host:port`, or what Sentinel calls it. */
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly #address: ValkeyAddress;
  readonly #options: ServerOptions;
  readonly #events: ServerEvents;
  readonly #commands: ValkeyConnection;
  readonly #subscriber: ValkeyConnection;
  /** By the durability that they wait for. */
  readonly #lanes = new Map<string, DurableLane>();
  readonly #beat: NodeJS.Timeout;
  #leftMs = Number.NEGATIVE_INFINITY;
  #away: { readonly sinceMs: number; failures: number } | undefined;
  #refusing: { readonly sinceMs: number; lastMs: number; count: number } | undefined;
  #lastError: unknown;
  #available = false;
  #closed = false;

  constructor(address: ValkeyAddress, endpoint: Endpoint, options: ServerOptions, events: ServerEvents) {
    this.name = address.kind === "sentinel" ? address.name : formatEndpoint(endpoint);
    this.endpoint = endpoint;
    this.#address = address;
    this.#options = options;
    this.#events = events;
    this.#commands = this.#connection("commands", {
      up: () => this.#setAvailable(true),
      down: () => this.#setAvailable(false),
    });
    this.#subscriber = this.#connection("subscriber", {
      up: () => events.subscriberReady(),
      message: (channel, message) => events.message(channel, message),
      channelsMoved: () => events.channelsMoved(),
    });
    this.#beat = setInterval(() => {
      this.#commands.beat();
      this.#subscriber.beat();
      this.#tellEndOfRefusals();
      for (const lane of this.#lanes.values()) lane.beat();
    }, BEAT_MS);
    this.#beat.unref();
  }

  get available(): boolean {
    return this.#available;
  }

  get canSubscribe(): boolean {
    return this.#subscriber.isUp;
  }

  /** Resolves when the server can be used; rejects with the reason at the first failure, or after a time. */
  async firstUp(): Promise<void> {
    await Promise.all([this.#commands.firstUp(), this.#subscriber.firstUp()]);
  }

  /** Resolves when what the script wrote is as safe as `durability` asks; rejects with Unconfirmed if that is not known. */
  run<Result>(call: ScriptCall<Result>, durability: Durability = APPLIED, isAsking = false): Promise<Result> {
    if (durability.level === "applied") return this.#leaving(this.#commands.run(call, isAsking));
    return this.#leaving(this.#lane(durability).run(call, isAsking));
  }

  fields(key: string, fields: readonly string[]): Promise<(string | null)[]> {
    return this.#commands.fields(key, fields);
  }

  command(name: string, ...args: string[]): Promise<unknown> {
    return this.#leaving(this.#commands.command(name, ...args));
  }

  /** As `command`, with strings as Buffers. */
  bytes(name: string, ...args: string[]): Promise<unknown> {
    return this.#leaving(this.#commands.bytes(name, ...args));
  }

  /** On a cluster: channels of one slot only. */
  subscribe(channels: readonly string[]): Promise<void> {
    return this.#subscriber.subscribe(channels);
  }

  unsubscribe(channel: string): void {
    this.#subscriber.unsubscribe(channel);
  }

  restartSubscriber(): void {
    if (this.#closed || !this.#subscriber.isUp) return;
    this.#events.incident(`the subscriber connection to Valkey at ${this.name} was found deaf: connecting anew`);
    this.#subscriber.restart();
  }

  /** Leaves what is published unread for so long, or until `wake`. */
  doze(ms: number): void {
    this.#subscriber.doze(ms);
  }

  wake(): void {
    this.#subscriber.wake();
  }

  close(): void {
    this.#closed = true;
    clearInterval(this.#beat);
    this.#commands.close();
    this.#subscriber.close();
    for (const lane of this.#lanes.values()) lane.close();
  }

  #lane(durability: Durability): DurableLane {
    const level = formatDurability(durability);
    const known = this.#lanes.get(level);
    if (known) return known;
    const lane = new DurableLane(this.#connection(level, {}), durability, this.#options.durabilityWaitMs);
    this.#lanes.set(level, lane);
    return lane;
  }

  #connection(purpose: string, events: Partial<ConnectionEvents>): ValkeyConnection {
    return new ValkeyConnection(this.#address, this.endpoint, `socketscaler-${purpose}`, {
      up: () => undefined,
      down: () => undefined,
      message: () => undefined,
      channelsMoved: () => undefined,
      failed: (error) => {
        this.#lastError = error;
        if (this.#away) this.#away.failures++;
        else this.#tellRefusal(error);
        this.#events.failure();
      },
      silent: (ms) => {
        this.#events.incident(`Valkey at ${this.name} (${purpose}) is silent for ${ms} ms: connecting anew`);
      },
      ...events,
    });
  }

  /** A server that became a replica is left: its address may lead to its successor by now. */
  async #leaving<Reply>(reply: Promise<Reply>): Promise<Reply> {
    try {
      return await reply;
    } catch (error) {
      if (error instanceof StoreAway && errorCode(error.cause) === "READONLY") this.#leaveReplica();
      throw error;
    }
  }

  #leaveReplica(): void {
    const now = performance.now();
    if (now - this.#leftMs < LEAVE_EVERY_MS) return;
    this.#leftMs = now;
    this.#events.incident(`Valkey at ${this.name} is read-only: connecting anew, to its successor`);
    this.#commands.restart();
    this.#subscriber.restart();
    for (const lane of this.#lanes.values()) lane.restart();
  }

  #tellRefusal(error: unknown): void {
    if (!isRefusal(error)) return;
    const now = performance.now();
    if (!this.#refusing) {
      this.#refusing = { sinceMs: now, lastMs: now, count: 0 };
      this.#events.incident(`Valkey at ${this.name} answers, and refuses what it is asked: see its error`, error);
    }
    this.#refusing.lastMs = now;
    this.#refusing.count++;
  }

  #tellEndOfRefusals(): void {
    if (!this.#refusing) return;
    const { sinceMs, lastMs, count } = this.#refusing;
    if (performance.now() - lastMs < REFUSED_MS_AGO) return;
    this.#refusing = undefined;
    const seconds = ((lastMs - sinceMs) / 1_000).toFixed(1);
    this.#events.incident(`Valkey at ${this.name} refuses no more: ${count} refusals in ${seconds} s`);
  }

  #setAvailable(available: boolean): void {
    if (available === this.#available || this.#closed) return;
    this.#available = available;
    if (!available) {
      this.#away = { sinceMs: performance.now(), failures: 0 };
      this.#events.incident(`Valkey at ${this.name} is away: writes wait, then are refused`, this.#lastError);
    } else if (this.#away) {
      const seconds = ((performance.now() - this.#away.sinceMs) / 1_000).toFixed(1);
      this.#events.incident(`Valkey at ${this.name} is back after ${seconds} s and ${this.#away.failures} failures`);
      this.#away = undefined;
    }
    this.#lastError = undefined;
    this.#events.available(available);
  }
}
