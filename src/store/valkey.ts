/*
 * The door to Valkey: the only file that imports its client. Two connections for each instance, whatever the number of
 * users: one for commands, one for subscriptions.
 *
 * The client is told to do little. It does not queue while the connection is down and does not resend: a command fails,
 * with StoreAway saying whether it may have reached the server, and the caller, which knows what may be repeated,
 * decides. It does not resubscribe by itself either, because it swallows the errors of that; we do, and then tell
 * the listeners that messages may have been lost.
 */

import { Redis, type RedisOptions } from "ioredis";
import type { Script, ScriptCall } from "./scripts.js";
import { StoreAway, StoreUnusable } from "./store.js";

/** A server that hangs is silent without an error; only a beat that is not answered shows it. */
const BEAT_MS = 1_000;
const BEAT_ANSWER_MS_MAX = 2_000;
const RECONNECT_MS_MAX = 1_000;

export interface ValkeyEvents {
  /** A published message. */
  message(channel: string, message: string): void;
  /** The subscriber connection came (back) up; nothing is subscribed on it yet. */
  subscriberReady(): void;
  available(available: boolean): void;
  /** One line for the log; at most one for each incident. */
  incident(message: string, cause?: unknown): void;
}

export class Valkey {
  readonly #commands: Redis;
  readonly #subscriber: Redis;
  readonly #events: ValkeyEvents;
  readonly #beat: NodeJS.Timeout;
  /** Connections whose last ping is not answered yet. */
  readonly #beating = new Set<Redis>();
  #leftMs = Number.NEGATIVE_INFINITY;
  #available = false;
  #closed = false;

  private constructor(commands: Redis, subscriber: Redis, events: ValkeyEvents) {
    this.#commands = commands;
    this.#subscriber = subscriber;
    this.#events = events;
    commands.on("ready", () => this.#setAvailable(true));
    commands.on("close", () => this.#setAvailable(false));
    subscriber.on("ready", () => events.subscriberReady());
    subscriber.on("message", (channel: string, message: string) => events.message(channel, message));
    this.#available = commands.status === "ready";
    this.#beat = setInterval(() => {
      this.#checkBeat(commands, "the command connection");
      this.#checkBeat(subscriber, "the subscriber connection");
    }, BEAT_MS);
    this.#beat.unref();
  }

  /** Connects, or rejects with StoreUnusable if the first attempt fails. */
  static async connect(url: string, events: ValkeyEvents): Promise<Valkey> {
    const commands = new Redis(url.replace(/^valkey(s?):/, "redis$1:"), { ...OPTIONS, connectionName: "socketscaler" });
    const subscriber = commands.duplicate({ connectionName: "socketscaler-subscriber" });
    let lastError: unknown;
    for (const connection of [commands, subscriber]) {
      // Without a listener an error would end the process. Each loss of a connection is reported once, by `available`.
      connection.on("error", (error) => {
        lastError = error;
      });
    }
    try {
      await Promise.all([commands.connect(), subscriber.connect()]);
    } catch (error) {
      commands.disconnect();
      subscriber.disconnect();
      throw new StoreUnusable(`cannot reach Valkey at ${withoutPassword(url)}: ${reason(lastError ?? error)}`, error);
    }
    return new Valkey(commands, subscriber, events);
  }

  get available(): boolean {
    return this.#available;
  }

  /** Runs a script by its hash; loads it along the way where the server does not have it. */
  async run<Result>(call: ScriptCall<Result>): Promise<Result> {
    const { script, keys, args } = call;
    const parts = [keys.length, ...keys, ...args];
    const reply = await this.#send((connection) => connection.callBuffer("EVALSHA", script.sha, ...parts)).catch(
      (error: unknown) => {
        if (errorCode(error) !== "NOSCRIPT") throw error;
        return this.#load(script).then(() =>
          this.#send((connection) => connection.callBuffer("EVALSHA", script.sha, ...parts)),
        );
      },
    );
    return call.read(reply);
  }

  /** The same fields of many hashes, in one round trip. */
  async fieldsOf(keys: readonly string[], fields: readonly string[]): Promise<(string | null)[][]> {
    return Promise.all(keys.map((key) => this.#send((connection) => connection.hmget(key, ...fields))));
  }

  /** Any command; for libraries that bring their own. */
  command(name: string, ...args: string[]): Promise<unknown> {
    return this.#send((connection) => connection.call(name, ...args));
  }

  async subscribe(channels: readonly string[]): Promise<void> {
    if (this.#subscriber.status !== "ready") throw new StoreAway("the subscriber is not connected", { sent: false });
    await answered(this.#subscriber.subscribe(...channels));
  }

  /** Best effort: on a connection that is down there is nothing to unsubscribe. */
  unsubscribe(channel: string): void {
    if (this.#subscriber.status === "ready") this.#subscriber.unsubscribe(channel).catch(() => undefined);
  }

  restartSubscriber(): void {
    if (!this.#closed) this.#subscriber.disconnect(true);
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#beat);
    this.#commands.disconnect();
    this.#subscriber.disconnect();
  }

  async #load(script: Script): Promise<void> {
    await this.#send((connection) => connection.script("LOAD", script.lua));
  }

  #send<Reply>(command: (connection: Redis) => Promise<Reply>): Promise<Reply> {
    if (this.#commands.status !== "ready") {
      return Promise.reject(new StoreAway("Valkey is not connected", { sent: false }));
    }
    return answered(command(this.#commands)).catch((error: unknown) => {
      if (error instanceof StoreAway && errorCode(error.cause) === "READONLY") this.#leaveReplica();
      throw error;
    });
  }

  /** The server became a replica: the address may lead to its successor by now. */
  #leaveReplica(): void {
    const now = performance.now();
    if (now - this.#leftMs < RECONNECT_MS_MAX) return;
    this.#leftMs = now;
    this.#events.incident("Valkey is read-only here: connecting anew, to its successor");
    this.#commands.disconnect(true);
    this.#subscriber.disconnect(true);
  }

  #setAvailable(available: boolean): void {
    if (available === this.#available || this.#closed) return;
    this.#available = available;
    this.#events.incident(available ? "Valkey is back" : "Valkey is away: writes wait, then are refused");
    this.#events.available(available);
  }

  #checkBeat(connection: Redis, name: string): void {
    if (connection.status !== "ready" || this.#beating.has(connection)) return;
    this.#beating.add(connection);
    const late = setTimeout(() => {
      this.#events.incident(`${name} to Valkey had no answer for ${BEAT_ANSWER_MS_MAX} ms: connecting anew`);
      connection.disconnect(true);
    }, BEAT_ANSWER_MS_MAX);
    connection
      .ping()
      .catch(() => undefined)
      .finally(() => {
        clearTimeout(late);
        this.#beating.delete(connection);
      });
  }
}

const OPTIONS = {
  protocol: 2,
  lazyConnect: true,
  enableOfflineQueue: false,
  autoResendUnfulfilledCommands: false,
  autoResubscribe: false,
  // Fails what was in flight as soon as the connection closes; with any other value it would wait for a reconnect.
  maxRetriesPerRequest: 0,
  connectTimeout: 3_000,
  disconnectTimeout: 200,
  retryStrategy: (attempt: number) => Math.min(RECONNECT_MS_MAX, 25 * 2 ** attempt) * (0.5 + Math.random() / 2),
} satisfies RedisOptions;

/** Replies that mean "not now", not "wrong": by the first word of the error, which RESP fixes as its code. */
const AWAY_CODES = new Set([
  "LOADING",
  "READONLY",
  "MASTERDOWN",
  "CLUSTERDOWN",
  "TRYAGAIN",
  "BUSY",
  "OOM",
  "NOREPLICAS",
  "MISCONF",
]);

async function answered<Reply>(reply: Promise<Reply>): Promise<Reply> {
  try {
    return await reply;
  } catch (error) {
    const code = errorCode(error);
    if (code === undefined) throw new StoreAway("the connection to Valkey broke", { sent: true, cause: error });
    if (AWAY_CODES.has(code)) throw new StoreAway(`Valkey refuses: ${code}`, { sent: false, cause: error });
    throw error;
  }
}

/** The code of an error that the server answered with; undefined if it did not answer. */
function errorCode(error: unknown): string | undefined {
  return error instanceof Error && error.name === "ReplyError" ? error.message.split(" ", 1)[0] : undefined;
}

function reason(error: unknown): string {
  if (error instanceof AggregateError) return reason(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}

export function withoutPassword(url: string): string {
  return url.replace(/\/\/[^@/]*@/, "//***@");
}
