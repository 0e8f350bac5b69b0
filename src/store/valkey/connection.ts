/*
 * The door to Valkey: the only file that imports its client. One connection to one server.
 *
 * The client is told to do little. It does not queue while the connection is down and does not resend: a command fails,
 * with StoreAway saying whether it may have reached the server, and the caller, which knows what may be repeated,
 * decides. It does not resubscribe by itself either, because it swallows the errors of that. It does not follow a
 * cluster's redirections, because it would resend: they are Redirected, and cluster-link.ts follows them.
 */

import { Redis, type RedisOptions } from "ioredis";
import { DamagedPage, MisfitPage } from "../damage.js";
import { StoreAway } from "../store.js";
import type { Script, ScriptCall } from "./scripts.js";
import { Stream } from "./stream.js";
import { errorCode, isAway, isDeniedInside, Silent } from "./trouble.js";
import { leaveUnread, type Unread } from "./unread.js";
import {
  type Endpoint,
  formatEndpoint,
  knownHost,
  type SentinelAccess,
  tlsOptions,
  type ValkeyAddress,
} from "./url.js";

/** A server that hangs is silent without an error; only a beat that is not answered shows it. */
const BEAT_ANSWER_MS_MAX = 2_000;
const CONNECT_MS_MAX = 3_000;
const RECONNECT_MS_MAX = 1_000;

export interface ConnectionEvents {
  /** The connection came (back) up; nothing is subscribed on it yet. */
  up(): void;
  down(): void;
  /** A published message. */
  message(channel: string, message: string): void;
  /** The server let go of some channels: their slot is another's now. */
  channelsMoved(): void;
  /** An attempt to connect, or a command, failed by the world's fault. */
  failed(error: unknown): void;
  /** A beat was not answered: the connection is being made anew. */
  silent(ms: number): void;
}

/** The server does not own the key: it has moved for good, or (`isAsk`) may be found elsewhere for this once. */
export class Redirected extends Error {
  readonly slot: number;
  readonly to: Endpoint;
  readonly isAsk: boolean;

  constructor(slot: number, to: Endpoint, isAsk: boolean) {
    super(`slot ${slot} is at ${formatEndpoint(to)}`);
    this.name = "Redirected";
    this.slot = slot;
    this.to = to;
    this.isAsk = isAsk;
  }
}

export class ValkeyConnection {
  readonly #redis: Redis;
  readonly #endpoint: Endpoint;
  readonly #isSharded: boolean;
  readonly #events: ConnectionEvents;
  readonly #database: number;
  /** Connected, let in, and in the database that the address names. */
  #isUp = false;
  #lastError: unknown;
  /** Who waits for the outcome of the attempt to connect. */
  readonly #waiting = new Set<(error?: unknown) => void>();
  /** Attempts to connect since the connection was up. */
  #attempts = 0;
  #isBeating = false;
  /** When the server took the connection that is not ready yet. */
  #takenMs = 0;
  #revival: NodeJS.Timeout | undefined;
  /** While the connection is left unread. */
  #dozing: { readonly unread: Unread; readonly timer: NodeJS.Timeout } | undefined;
  readonly #stream = new Stream();
  /** Commands whose answers are waited for. */
  #unanswered = 0;
  #closed = false;

  /** Connects in the background, and again whenever the connection is lost. `name` is what CLIENT LIST shows. */
  constructor(address: ValkeyAddress, endpoint: Endpoint, name: string, events: ConnectionEvents) {
    this.#endpoint = endpoint;
    this.#isSharded = address.kind === "cluster";
    this.#events = events;
    this.#database = address.kind === "single" ? address.database : 0;
    const options = { ...addressOptions(address, endpoint), ...OPTIONS, connectionName: name };
    // Counted here: the client takes a connection for a success before it is in its database.
    this.#redis = new Redis({ ...options, retryStrategy: () => retryMs(++this.#attempts) });
    this.#redis.on("ready", () => void this.#begin());
    this.#redis.on("close", () => {
      // Not every end comes with an error.
      if (!this.#isUp && this.#lastError === undefined)
        this.#fail(new Error("it was closed before the server answered"));
      this.#isUp = false;
      this.wake();
      events.down();
      this.#settle(this.#lastError ?? new Error("it was closed"));
    });
    this.#redis.on("connecting", () => {
      this.#lastError = undefined;
    });
    this.#redis.on("connect", () => {
      this.#takenMs = performance.now();
    });
    // The client gives up for good where Sentinel tells of a switch while it asks Sentinel for the primary.
    this.#redis.on("end", () => this.#revive());
    // Without a listener an error would end the process. The client listens for one of each socket; TLS may tell two.
    this.#redis.on("error", (error) => {
      this.#redis.stream?.on("error", () => undefined);
      this.#fail(error);
    });
    const message = (channel: string, text: string) => {
      this.#stream.heard(text.length);
      events.message(channel, text);
    };
    this.#redis.on("message", message);
    this.#redis.on("smessage", message);
    this.#redis.on("moved", () => events.channelsMoved());
    this.#redis.connect().catch(() => undefined);
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Resolves when the connection is up; rejects with the reason at the first failure, or after a time. */
  firstUp(): Promise<void> {
    if (this.isUp) return Promise.resolve();
    return new Promise((done, fail) => {
      const settled = (error?: unknown) => {
        clearTimeout(late);
        this.#waiting.delete(settled);
        if (error) fail(error);
        else done();
      };
      const late = setTimeout(() => settled(this.#lastError ?? new Silent(CONNECT_MS_MAX)), CONNECT_MS_MAX);
      this.#waiting.add(settled);
    });
  }

  /** Runs a script by its hash; loads it along the way where the server does not have it. */
  async run<Result>(call: ScriptCall<Result>, isAsking = false): Promise<Result> {
    const { script, keys, args } = call;
    const parts = [keys.length, ...keys, ...args];
    const evaluate = () => this.#send(() => this.#redis.callBuffer("EVALSHA", script.sha, ...parts), isAsking);
    const reply = await evaluate().catch((error: unknown) => {
      if (errorCode(error) !== "NOSCRIPT") throw error;
      return this.#load(script).then(evaluate);
    });
    return call.read(reply);
  }

  fields(key: string, fields: readonly string[], isAsking = false): Promise<(string | null)[]> {
    return this.#send(() => this.#redis.hmget(key, ...fields), isAsking);
  }

  command(parts: readonly string[], isAsking = false): Promise<unknown> {
    const [name = "", ...args] = parts;
    return this.#send(() => this.#redis.call(name, ...args), isAsking);
  }

  /** As `command`, with strings as Buffers. */
  bytes(parts: readonly string[], isAsking = false): Promise<unknown> {
    const [name = "", ...args] = parts;
    return this.#send(() => this.#redis.callBuffer(name, ...args), isAsking);
  }

  /** On a cluster: channels of one slot only. */
  async subscribe(channels: readonly string[]): Promise<void> {
    await this.#send(() =>
      this.#isSharded ? this.#redis.ssubscribe(...channels) : this.#redis.subscribe(...channels),
    );
  }

  /** Best effort: on a connection that is down there is nothing to unsubscribe. */
  unsubscribe(channel: string): void {
    if (!this.isUp) return;
    const done = this.#isSharded ? this.#redis.sunsubscribe(channel) : this.#redis.unsubscribe(channel);
    done.catch(() => undefined);
  }

  /** Asks for a sign of life; makes the connection anew if there is none. */
  beat(): void {
    this.unstick();
    if (!this.isUp || this.#isBeating) return;
    this.wake();
    this.#isBeating = true;
    const late = setTimeout(() => {
      this.#events.silent(BEAT_ANSWER_MS_MAX);
      this.restart();
    }, BEAT_ANSWER_MS_MAX);
    this.#redis
      .ping()
      .catch(() => undefined)
      .finally(() => {
        clearTimeout(late);
        this.#isBeating = false;
      });
  }

  /**
   * Leaves what the server sends unread for so long, or until `wake`: it waits in the kernel and is then read at once. A
   * command or a beat ends it. There is none while an answer is waited for, nor where more comes than the kernel should keep.
   */
  doze(ms: number): void {
    if (this.#unanswered > 0 || !this.isUp || this.#stream.isBroad(performance.now())) return;
    clearTimeout(this.#dozing?.timer);
    const unread = this.#dozing?.unread ?? leaveUnread(this.#redis.stream);
    if (unread) this.#dozing = { unread, timer: setTimeout(() => this.wake(), ms) };
  }

  wake(): void {
    if (!this.#dozing) return;
    const { unread, timer } = this.#dozing;
    this.#dozing = undefined;
    clearTimeout(timer);
    unread.read();
  }

  /** The kernel of a server that hangs takes connections, on which then nothing is answered: gives up such a one. */
  unstick(): void {
    const isTaken = !this.#isUp && ["connect", "ready"].includes(this.#redis.status);
    const isStuck = isTaken && performance.now() - this.#takenMs > BEAT_ANSWER_MS_MAX;
    if (!isStuck) return;
    this.#fail(new Silent(BEAT_ANSWER_MS_MAX));
    this.#redis.disconnect(true);
  }

  /** Makes the connection anew; one that is being made already is left alone. */
  restart(): void {
    if (this.isUp) this.#redis.disconnect(true);
  }

  close(): void {
    this.#closed = true;
    this.wake();
    clearTimeout(this.#revival);
    this.#redis.disconnect();
  }

  /**
   * Goes to the database of the address. The client would pass over the server's refusal and stay
   * in database 0, which may be another deployment's.
   */
  async #begin(): Promise<void> {
    if (this.#database > 0) {
      const { stream } = this.#redis;
      try {
        await this.#redis.call("SELECT", String(this.#database));
      } catch (error) {
        if (this.#redis.stream !== stream) return;
        this.#fail(error);
        return this.#redis.disconnect(true);
      }
    }
    this.#isUp = true;
    this.#lastError = undefined;
    this.#attempts = 0;
    this.#settle();
    this.#events.up();
  }

  #fail(error: unknown): void {
    this.#lastError = error;
    this.#events.failed(error);
  }

  #settle(error?: unknown): void {
    for (const settled of this.#waiting) settled(error);
  }

  #revive(): void {
    if (this.#closed) return;
    this.#revival = setTimeout(() => this.#redis.connect().catch(() => undefined), retryMs(10));
    this.#revival.unref();
  }

  async #load(script: Script): Promise<void> {
    await this.#send(() => this.#redis.script("LOAD", script.lua));
  }

  /** `isAsking`: the server that has the slot sent us here for this once. */
  async #send<Reply>(command: () => Promise<Reply>, isAsking = false): Promise<Reply> {
    if (!this.isUp) throw new StoreAway("Valkey is not connected", { sent: false });
    this.wake();
    this.#unanswered++;
    try {
      // Speaks for the next command on this connection alone.
      if (isAsking) this.#redis.call("ASKING").catch(() => undefined);
      return await command();
    } catch (error) {
      const meaning = this.#understand(error);
      if (meaning instanceof StoreAway) this.#events.failed(error);
      throw meaning;
    } finally {
      this.#unanswered--;
    }
  }

  /** What the failure of a command means: StoreAway, Redirected, or, as it came, a fault of ours. */
  #understand(error: unknown): unknown {
    const code = errorCode(error);
    if (code === undefined) return new StoreAway("the connection to Valkey broke", { sent: true, cause: error });
    const said = error instanceof Error ? error.message : String(error);
    if (code === "MISFIT") return new MisfitPage(said, error);
    if (DAMAGED_CODES.has(code)) return new DamagedPage(said, error);
    // What a script did before it was stopped stands.
    if (isAway(error)) return new StoreAway(`Valkey refuses: ${code}`, { sent: isDeniedInside(error), cause: error });
    const [, kind, slot, host, port] = (error instanceof Error && REDIRECTION.exec(error.message)) || [];
    if (host === undefined) return error;
    const announced = { host: knownHost(host, this.#endpoint), port: Number(port) };
    return new Redirected(Number(slot), announced, kind === "ASK");
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
  connectTimeout: CONNECT_MS_MAX,
  disconnectTimeout: 200,
} satisfies RedisOptions;

function retryMs(attempt: number): number {
  return Math.min(RECONNECT_MS_MAX, 25 * 2 ** Math.min(attempt, 10)) * (0.5 + Math.random() / 2);
}

type AddressOptions = Pick<
  RedisOptions,
  | "username"
  | "password"
  | "tls"
  | "host"
  | "port"
  | "sentinels"
  | "natMap"
  | "name"
  | "role"
  | "failoverDetector"
  | "sentinelRetryStrategy"
  | "sentinelCommandTimeout"
  | "sentinelUsername"
  | "sentinelPassword"
  | "sentinelTLS"
  | "enableTLSForSentinelMode"
>;

function addressOptions(address: ValkeyAddress, { host, port }: Endpoint): AddressOptions {
  const { username, password } = address;
  const tls = address.tls ? tlsOptions(address) : undefined;
  const access: AddressOptions = {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls } : {}),
  };
  if (address.kind === "cluster") return { ...access, host, port };
  if (address.kind === "single") return { ...access, host, port };
  return {
    ...access,
    sentinels: address.sentinels.map((sentinel) => ({ ...sentinel })),
    ...(address.nat ? { natMap: Object.fromEntries(address.nat) } : {}),
    name: address.name,
    role: "master",
    failoverDetector: true,
    // Without it, a moment in which no Sentinel answers would end the connection for good.
    sentinelRetryStrategy: retryMs,
    // Nor may one that hangs keep the next from being asked.
    sentinelCommandTimeout: BEAT_ANSWER_MS_MAX,
    // Sentinels are spoken to as the primary is. The names of these options differ; without both the one is in clear text.
    ...(tls ? { sentinelTLS: tls, enableTLSForSentinelMode: true } : {}),
    ...sentinelOptions(address.sentinelAccess),
  };
}

function sentinelOptions(access: SentinelAccess | undefined): AddressOptions {
  if (!access) return {};
  const { username, password } = access;
  return { sentinelPassword: password, ...(username === undefined ? {} : { sentinelUsername: username }) };
}

/** Replies that mean that what is stored is not what a store writes: the first is of our scripts. */
const DAMAGED_CODES = new Set(["DAMAGED", "WRONGTYPE"]);

/** `MOVED 3999 127.0.0.1:6381`: fixed by the cluster specification. */
const REDIRECTION = /^(MOVED|ASK) (\d+) (.*):(\d+)$/;
