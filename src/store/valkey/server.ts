/*
 * One Valkey server: a connection for commands, one for subscriptions, and, only where boards ask for more than
 * `applied`, one for each level asked, for the writes that wait for their copies. Their number does not depend on that of users. Tells its loss
 * and its return once each, with what was counted in between.
 */

import { APPLIED, type Durability, formatDurability } from "../durability.js";
import { StoreAway } from "../store.js";
import { type ConnectionEvents, Redirected, ValkeyConnection } from "./connection.js";
import { DurableRounds } from "./durable-rounds.js";
import { inquire } from "./inquiry.js";
import { type Needs, requireRights } from "./rights.js";
import type { ScriptCall } from "./scripts.js";
import { errorCode, explain, explainAtLast, isRefusal, isUnfit, type Trouble } from "./trouble.js";
import { type Endpoint, formatEndpoint, type ValkeyAddress } from "./url.js";

const BEAT_MS = 1_000;
const LEAVE_EVERY_MS = 1_000;
/** So long without anything refused or failed, and it is over. */
const TROUBLE_MS_AGO = 5_000;
/** Rights may be taken away while all is well. */
const BEATS_BETWEEN_CHECKS = 2;
const INQUIRE_EVERY_MS = 1_000;

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
  /** Without them the server is not available. */
  readonly needs: Needs;
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
  readonly #rounds = new Map<string, DurableRounds>();
  readonly #beat: NodeJS.Timeout;
  #leftMs = Number.NEGATIVE_INFINITY;
  #away: { readonly sinceMs: number; failures: number } | undefined;
  #refusing: { readonly sinceMs: number; lastMs: number; count: number } | undefined;
  /** Kinds of trouble that were reported since all was well. */
  readonly #told = new Set<string>();
  #troubledMs = Number.NEGATIVE_INFINITY;
  #beats = 0;
  #checking: Promise<unknown> | undefined;
  #inquiredMs = Number.NEGATIVE_INFINITY;
  #inquiring: Promise<unknown> | undefined;
  /** The connection is being made again because the server is a replica: that is told already. */
  #isLeaving = false;
  #available = false;
  #closed = false;

  constructor(address: ValkeyAddress, endpoint: Endpoint, options: ServerOptions, events: ServerEvents) {
    this.name = address.kind === "sentinel" ? address.name : formatEndpoint(endpoint);
    this.endpoint = endpoint;
    this.#address = address;
    this.#options = options;
    this.#events = events;
    this.#commands = this.#connection("commands", {
      up: () => void this.#check(),
      down: () => this.#setAvailable(false, "the connection was lost"),
    });
    this.#subscriber = this.#connection("subscriber", {
      up: () => events.subscriberReady(),
      message: (channel, message) => events.message(channel, message),
      channelsMoved: () => events.channelsMoved(),
    });
    this.#beat = setInterval(() => {
      this.#commands.beat();
      this.#subscriber.beat();
      this.#tellEndOfTrouble();
      if (!this.#available || ++this.#beats % BEATS_BETWEEN_CHECKS === 0) void this.#check();
      for (const rounds of this.#rounds.values()) rounds.beat();
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
    const unfit = await this.#check();
    if (unfit) throw unfit;
    await this.#trySubscribing();
  }

  /**
   * What an error means that `firstUp` rejected with; asks the server on a connection of its own if
   * the error does not say.
   */
  async explain(error: unknown): Promise<Trouble> {
    const known = explain(error, this.#address);
    if (known) return known;
    const found = await inquire(this.#address, this.endpoint);
    return explainAtLast(found ?? error, this.#address);
  }

  /** Resolves when what the script wrote is as safe as `durability` asks; rejects with Unconfirmed if that is not known. */
  run<Result>(call: ScriptCall<Result>, durability: Durability = APPLIED, isAsking = false): Promise<Result> {
    if (durability.level === "applied") return this.#leaving(this.#commands.run(call, isAsking));
    return this.#leaving(this.#roundsOf(durability).run(call, isAsking));
  }

  fields(key: string, fields: readonly string[], isAsking = false): Promise<(string | null)[]> {
    return this.#commands.fields(key, fields, isAsking);
  }

  command(parts: readonly string[], isAsking = false): Promise<unknown> {
    return this.#leaving(this.#commands.command(parts, isAsking));
  }

  /** As `command`, with strings as Buffers. */
  bytes(parts: readonly string[], isAsking = false): Promise<unknown> {
    return this.#leaving(this.#commands.bytes(parts, isAsking));
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
    for (const rounds of this.#rounds.values()) rounds.close();
  }

  /** What stands between may know no Pub/Sub. */
  async #trySubscribing(): Promise<void> {
    const { channel } = this.#options.needs;
    await this.#subscriber.subscribe([channel]).catch((error: unknown) => {
      // The server would do it for channels of its own.
      if (!(error instanceof Redirected)) throw error;
    });
    this.#subscriber.unsubscribe(channel);
  }

  #roundsOf(durability: Durability): DurableRounds {
    const level = formatDurability(durability);
    const known = this.#rounds.get(level);
    if (known) return known;
    const rounds = new DurableRounds(this.#connection(level, {}), durability, this.#options.durabilityWaitMs);
    this.#rounds.set(level, rounds);
    return rounds;
  }

  #connection(purpose: string, events: Partial<ConnectionEvents>): ValkeyConnection {
    return new ValkeyConnection(this.#address, this.endpoint, `socketscaler-${purpose}`, {
      up: () => undefined,
      down: () => undefined,
      message: () => undefined,
      channelsMoved: () => undefined,
      failed: (error) => this.#failed(error),
      silent: (ms) => {
        const todo = "The instance connects again; see whether the server hangs or is cut off";
        this.#tell({ kind: "silent", text: `it has not answered for ${ms} ms. ${todo}`, isAnswer: false });
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
    this.#isLeaving = true;
    this.#commands.restart();
    this.#subscriber.restart();
    for (const rounds of this.#rounds.values()) rounds.restart();
  }

  /**
   * The server is available while it answers, and lets the user do all that boards need. Resolves
   * with what is in the way if it answers.
   */
  #check(): Promise<unknown> {
    this.#checking ??= this.#unfit().then((unfit) => {
      this.#checking = undefined;
      if (!this.#commands.isUp) return undefined;
      if (unfit) this.#tellError(unfit);
      this.#setAvailable(!unfit, "what is wrong was reported");
      return unfit;
    });
    return this.#checking;
  }

  async #unfit(): Promise<unknown> {
    if (!this.#commands.isUp) return undefined;
    const { needs } = this.#options;
    const trial = {
      run: <Result>(call: ScriptCall<Result>) => this.#commands.run(call),
      command: (parts: readonly string[]) => this.#commands.command(parts),
      subscribe: (channel: string) => this.#subscriber.subscribe([channel]),
    };
    try {
      await requireRights(needs, trial, this.#address.username ?? "default");
      return undefined;
    } catch (error) {
      const cause = error instanceof StoreAway ? error.cause : error;
      // Refusals of one request or another are told when they come, and a lost connection by its
      // loss.
      return error instanceof StoreAway && !isUnfit(cause) ? undefined : cause;
    }
  }

  #failed(error: unknown): void {
    this.#events.failure();
    this.#troubledMs = performance.now();
    if (this.#away) this.#away.failures++;
    else if (isRefusal(error)) {
      this.#refusing ??= { sinceMs: this.#troubledMs, lastMs: 0, count: 0 };
      this.#refusing.lastMs = this.#troubledMs;
      this.#refusing.count++;
    }
    // Which right is missing, and whether it is needed, only the check tells.
    if (this.#commands.isUp && isUnfit(error)) void this.#check();
    else this.#tellError(error);
  }

  #tellError(error: unknown): void {
    const trouble = explain(error, this.#address);
    if (trouble) this.#tell(trouble);
    else this.#findOut();
  }

  /** One connection at a time, and not often: a server that is full has none to spare. */
  #findOut(): void {
    const now = performance.now();
    if (this.#inquiring || this.#closed || now - this.#inquiredMs < INQUIRE_EVERY_MS) return;
    this.#inquiredMs = now;
    this.#inquiring = inquire(this.#address, this.endpoint).then((found) => {
      this.#inquiring = undefined;
      if (found !== undefined) this.#tell(explainAtLast(found, this.#address));
    });
  }

  #tell({ kind, text }: Trouble): void {
    if (this.#closed || this.#told.has(kind)) return;
    this.#told.add(kind);
    this.#events.incident(`trouble with Valkey at ${this.name}: ${text}`);
  }

  #tellEndOfTrouble(): void {
    if (!this.#available || performance.now() - this.#troubledMs < TROUBLE_MS_AGO) return;
    this.#told.clear();
    if (!this.#refusing) return;
    const { sinceMs, lastMs, count } = this.#refusing;
    this.#refusing = undefined;
    const seconds = ((lastMs - sinceMs) / 1_000).toFixed(1);
    this.#events.incident(`Valkey at ${this.name} refuses no more: ${count} refusals in ${seconds} s`);
  }

  #setAvailable(available: boolean, why: string): void {
    if (available === this.#available || this.#closed) return;
    this.#available = available;
    if (!available) {
      this.#away = { sinceMs: performance.now(), failures: 0 };
      if (!this.#isLeaving) {
        this.#events.incident(`Valkey at ${this.name} is unavailable: ${why}. Writes wait, then are refused`);
      }
    } else {
      if (this.#away && !this.#isLeaving) {
        const seconds = ((performance.now() - this.#away.sinceMs) / 1_000).toFixed(1);
        this.#events.incident(`Valkey at ${this.name} is back after ${seconds} s and ${this.#away.failures} failures`);
        this.#told.clear();
      }
      this.#away = undefined;
      this.#isLeaving = false;
    }
    this.#events.available(available);
  }
}
