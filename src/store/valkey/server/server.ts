/*
 * One Valkey server. It has one connection for commands, one for subscriptions, and one for each
 * level of durability above `applied`. Their number does not depend on the number of clients. It is
 * available while it answers and its ACL user has the rights that boards need.
 */

import { type Cancel, every, realClock } from "../../../protocol/clock.js";
import { APPLIED, type Durability, formatDurability } from "../../durability.js";
import { StoreAway } from "../../store.js";
import { type Endpoint, formatEndpoint, type ValkeyAddress } from "../address/url.js";
import type { ScriptCall } from "../scripts/scripts.js";
import { Incidents } from "../trouble/incidents.js";
import { inquire } from "../trouble/inquiry.js";
import { errorCode, isUnfit, Redirected } from "../trouble/replies.js";
import { explain, explainAtLast, type Trouble } from "../trouble/trouble.js";
import { type ConnectionEvents, ValkeyConnection } from "./connection.js";
import { DurableRounds } from "./durable-rounds.js";
import { type Needs, requireRights } from "./rights.js";

const BEAT_MS = 1_000;
const LEAVE_EVERY_MS = 1_000;
/** Rights are checked this often, because an operator may revoke them at any time. */
const BEATS_BETWEEN_CHECKS = 2;

/** Events that are passed on to the store. */
export interface CommonEvents {
  available(available: boolean): void;
  /** A command or an attempt to connect failed. This is counted, not logged. */
  failure(): void;
  /** A line for the log, at most one per incident. */
  incident(message: string, cause?: unknown): void;
}

interface ServerEvents extends CommonEvents {
  /** A published message arrived. */
  message(channel: string, message: string): void;
  /**
   * The subscriber connection is up, for the first time or again. Nothing is subscribed on it yet.
   */
  subscriberReady(): void;
  /** The server dropped some subscriptions, because another server owns their slot now. */
  channelsMoved(): void;
}

export interface ServerOptions {
  /** How long a write waits for its copies, in ms. */
  readonly durabilityWaitMs: number;
  /** Rights that the server must grant to count as available. */
  readonly needs: Needs;
}

export class ValkeyServer {
  /** `host:port`, or Sentinel's name for the primary. */
  readonly name: string;
  readonly endpoint: Endpoint;
  readonly commands: ValkeyConnection;
  readonly subscriber: ValkeyConnection;
  readonly #address: ValkeyAddress;
  readonly #options: ServerOptions;
  readonly #events: ServerEvents;
  readonly #incidents: Incidents;
  /** Durability level -> its rounds. */
  readonly #rounds = new Map<string, DurableRounds>();
  readonly #stopBeating: Cancel;
  #beats = 0;
  #leftMs = Number.NEGATIVE_INFINITY;
  #checking: Promise<unknown> | undefined;
  #available = false;
  #closed = false;

  constructor(address: ValkeyAddress, endpoint: Endpoint, options: ServerOptions, events: ServerEvents) {
    this.name = address.kind === "sentinel" ? address.name : formatEndpoint(endpoint);
    this.endpoint = endpoint;
    this.#address = address;
    this.#options = options;
    this.#events = events;
    this.#incidents = new Incidents(this.name, address, endpoint, events.incident);
    this.commands = this.#connection("commands", {
      up: () => void this.#check(),
      down: () => this.#setAvailable(false, "the connection was lost"),
    });
    this.subscriber = this.#connection("subscriber", {
      up: events.subscriberReady,
      message: events.message,
      channelsMoved: events.channelsMoved,
    });
    this.#stopBeating = every(realClock, BEAT_MS, () => {
      void this.commands.beat();
      void this.subscriber.beat();
      for (const rounds of this.#rounds.values()) rounds.beat();
      if (this.#available) this.#incidents.endIfCalm();
      if (!this.#available || ++this.#beats % BEATS_BETWEEN_CHECKS === 0) void this.#check();
    });
  }

  get available(): boolean {
    return this.#available;
  }

  /** Resolves when the server can be used. Rejects at the first failure, or after a timeout. */
  async firstUp(): Promise<void> {
    await Promise.all([this.commands.firstUp(), this.subscriber.firstUp()]);
    const unfit = await this.#check();
    if (unfit) throw unfit;
    await this.#trySubscribing();
  }

  /** Explains an error from `firstUp`, and inquires at the server if the error does not suffice. */
  async explain(error: unknown): Promise<Trouble> {
    const address = this.#address;
    return explain(error, address) ?? explainAtLast((await inquire(address, this.endpoint)) ?? error, address);
  }

  /**
   * Rejects with Unconfirmed if the script's effect does not become as safe as `durability` in
   * time.
   */
  run<Result>(call: ScriptCall<Result>, durability: Durability = APPLIED, isAsking = false): Promise<Result> {
    if (durability.level === "applied") return this.commands.run(call, isAsking);
    return this.#roundsOf(durability).run(call, isAsking);
  }

  restartSubscriber(): void {
    if (!this.subscriber.isUp) return;
    this.#incidents.write(`the subscriber connection to Valkey at ${this.name} missed messages: reconnecting`);
    this.subscriber.restart();
  }

  close(): void {
    this.#closed = true;
    this.#stopBeating();
    this.#incidents.close();
    this.commands.close();
    this.subscriber.close();
    for (const rounds of this.#rounds.values()) rounds.close();
  }

  /** A proxy in between may not support Pub/Sub. */
  async #trySubscribing(): Promise<void> {
    const { channel } = this.#options.needs;
    await this.subscriber.subscribe([channel]).catch((error: unknown) => {
      // The server supports Pub/Sub; it just does not own this channel.
      if (!(error instanceof Redirected)) throw error;
    });
    this.subscriber.unsubscribe(channel);
  }

  #roundsOf(durability: Durability): DurableRounds {
    const level = formatDurability(durability);
    const known = this.#rounds.get(level);
    if (known) return known;
    const rounds = new DurableRounds(this.#connection(level), durability, this.#options.durabilityWaitMs);
    this.#rounds.set(level, rounds);
    return rounds;
  }

  #connection(purpose: string, events: Omit<ConnectionEvents, "failed" | "silent"> = {}): ValkeyConnection {
    return new ValkeyConnection(this.#address, this.endpoint, `socketscaler-${purpose}`, {
      failed: (error) => this.#failed(error),
      silent: (ms) => {
        const todo = "The instance reconnects; check whether the server hangs or the network is down";
        this.#incidents.report({ kind: "silent", text: `it did not answer within ${ms} ms. ${todo}`, isAnswer: false });
      },
      ...events,
    });
  }

  /** Reconnects, because the address of a demoted server may now lead to the new primary. */
  #leaveReplica(): void {
    const now = performance.now();
    if (now - this.#leftMs < LEAVE_EVERY_MS) return;
    this.#leftMs = now;
    this.#incidents.silenceNextLoss();
    this.commands.restart();
    this.subscriber.restart();
    for (const rounds of this.#rounds.values()) rounds.restart();
  }

  /** Checks whether the server can be used. If it refuses, resolves with the reason. */
  #check(): Promise<unknown> {
    this.#checking ??= this.#unfit().then((unfit) => {
      this.#checking = undefined;
      if (!this.commands.isUp) return undefined;
      if (unfit) this.#incidents.reportError(unfit);
      this.#setAvailable(!unfit, "the reason was reported earlier");
      return unfit;
    });
    return this.#checking;
  }

  async #unfit(): Promise<unknown> {
    if (!this.commands.isUp) return undefined;
    try {
      await requireRights(this.#options.needs, this, this.#address.username ?? "default");
      return undefined;
    } catch (error) {
      if (!(error instanceof StoreAway)) return error;
      // Other refusals are reported when a request fails, and a lost connection when it is lost.
      return isUnfit(error.cause) ? error.cause : undefined;
    }
  }

  #failed(error: unknown): void {
    this.#events.failure();
    this.#incidents.failed(error);
    // Only the check can tell which right is missing and whether boards need it.
    if (this.commands.isUp && isUnfit(error)) void this.#check();
    else this.#incidents.reportError(error);
    if (errorCode(error) === "READONLY") this.#leaveReplica();
  }

  #setAvailable(available: boolean, why: string): void {
    if (available === this.#available || this.#closed) return;
    this.#available = available;
    if (available) this.#incidents.back();
    else this.#incidents.lost(why);
    this.#events.available(available);
  }
}
