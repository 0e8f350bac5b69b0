/*
 * The door to Valkey: the only file that imports its client. One connection to one server.
 *
 * The client is told to do little. It does not queue while the connection is down and does not resend: a command fails,
 * with StoreAway saying whether it may have reached the server, and the caller, which knows what may be repeated,
 * decides. It does not resubscribe by itself either, because it swallows the errors of that. It does not follow a
 * cluster's redirections, because it would resend: they are Redirected, and cluster-link.ts follows them.
 */

import { Redis, type RedisOptions } from "ioredis";
import { DamagedPage, MisfitPage } from "./damage.js";
import type { Script, ScriptCall } from "./scripts.js";
import { StoreAway } from "./store.js";
import { Stream } from "./stream.js";
import { leaveUnread, type Unread } from "./unread.js";
import { type Endpoint, formatEndpoint, knownHost, type SentinelAccess, type ValkeyAddress } from "./valkey-url.js";

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
    const options = { ...addressOptions(address, endpoint), ...OPTIONS, connectionName: name };
    this.#redis = new Redis(options);
    this.#redis.on("ready", () => events.up());
    this.#redis.on("close", () => {
      this.wake();
      events.down();
    });
    this.#redis.on("connect", () => {
      this.#takenMs = performance.now();
    });
    // The client gives up for good where Sentinel tells of a switch while it asks Sentinel for the primary.
    this.#redis.on("end", () => this.#revive());
    // Without a listener an error would end the process. The client listens for one of each socket; TLS may tell two.
    this.#redis.on("error", (error) => {
      this.#redis.stream?.on("error", () => undefined);
      events.failed(error);
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
    return this.#redis.status === "ready";
  }

  /** Resolves when the connection is up; rejects with the reason at the first failure, or after a time. */
  firstUp(): Promise<void> {
    const redis = this.#redis;
    if (this.isUp) return Promise.resolve();
    return new Promise((done, fail) => {
      let lastError: unknown;
      const settle = (error?: unknown) => {
        clearTimeout(late);
        redis.off("ready", ready).off("error", failed).off("close", closed);
        if (error) fail(error);
        else done();
      };
      const ready = () => settle();
      const failed = (error: unknown) => {
        lastError = error;
      };
      const closed = () => settle(lastError ?? new Error(`no answer within ${CONNECT_MS_MAX} ms`));
      const late = setTimeout(closed, CONNECT_MS_MAX);
      redis.on("ready", ready).on("error", failed).on("close", closed);
    });
  }

  /** Runs a script by its hash; loads it along the way where the server does not have it. */
  async run<Result>(call: ScriptCall<Result>, isAsking = false): Promise<Result> {
    const { script, keys, args } = call;
    const parts = [keys.length, ...keys, ...args];
    const evaluate = () =>
      this.#send(() => {
        // Speaks for the next command on this connection alone.
        if (isAsking) this.#redis.call("ASKING").catch(() => undefined);
        return this.#redis.callBuffer("EVALSHA", script.sha, ...parts);
      });
    const reply = await evaluate().catch((error: unknown) => {
      if (errorCode(error) !== "NOSCRIPT") throw error;
      return this.#load(script).then(evaluate);
    });
    return call.read(reply);
  }

  fields(key: string, fields: readonly string[]): Promise<(string | null)[]> {
    return this.#send(() => this.#redis.hmget(key, ...fields));
  }

  command(name: string, ...args: string[]): Promise<unknown> {
    return this.#send(() => this.#redis.call(name, ...args));
  }

  /** As `command`, with strings as Buffers. */
  bytes(name: string, ...args: string[]): Promise<unknown> {
    return this.#send(() => this.#redis.callBuffer(name, ...args));
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
    const isStuck = this.#redis.status === "connect" && performance.now() - this.#takenMs > BEAT_ANSWER_MS_MAX;
    if (isStuck) this.#redis.disconnect(true);
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

  #revive(): void {
    if (this.#closed) return;
    this.#revival = setTimeout(() => this.#redis.connect().catch(() => undefined), retryMs(10));
    this.#revival.unref();
  }

  async #load(script: Script): Promise<void> {
    await this.#send(() => this.#redis.script("LOAD", script.lua));
  }

  async #send<Reply>(command: () => Promise<Reply>): Promise<Reply> {
    if (!this.isUp) throw new StoreAway("Valkey is not connected", { sent: false });
    this.wake();
    this.#unanswered++;
    try {
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
    if (AWAY_CODES.has(code)) return new StoreAway(`Valkey refuses: ${code}`, { sent: false, cause: error });
    const [, kind, slot, host, port] = (error instanceof Error && REDIRECTION.exec(error.message)) || [];
    if (host === undefined) return error;
    return new Redirected(Number(slot), { host: knownHost(host, this.#endpoint), port: Number(port) }, kind === "ASK");
  }
}

/** The code of an error that the server answered with; undefined if it did not answer. */
export function errorCode(error: unknown): string | undefined {
  return error instanceof Error && error.name === "ReplyError" ? error.message.split(" ", 1)[0] : undefined;
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
  retryStrategy: retryMs,
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
  | "db"
  | "sentinels"
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
  const tls = address.tls ? (address.ca === undefined ? {} : { ca: address.ca }) : undefined;
  const access: AddressOptions = {
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls } : {}),
  };
  if (address.kind === "cluster") return { ...access, host, port };
  if (address.kind === "single") return { ...access, host, port, db: address.database };
  return {
    ...access,
    sentinels: address.sentinels.map((sentinel) => ({ ...sentinel })),
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

/** Replies of a server that is where it should be, and does not do what it is asked. */
const REFUSAL_CODES = new Set(["CLUSTERDOWN", "TRYAGAIN", "BUSY", "OOM", "NOREPLICAS", "MISCONF"]);
/** Replies that mean "not now", not "wrong": by the first word of the error, which RESP fixes as its code. */
const AWAY_CODES = new Set([...REFUSAL_CODES, "LOADING", "READONLY", "MASTERDOWN"]);

/** Replies that mean that what is stored is not what a store writes: the first is of our scripts. */
const DAMAGED_CODES = new Set(["DAMAGED", "WRONGTYPE"]);

/** Whether a command failed as the server answers and does not do what it is asked. */
export function isRefusal(error: unknown): boolean {
  return REFUSAL_CODES.has(errorCode(error) ?? "");
}

/** `MOVED 3999 127.0.0.1:6381`: fixed by the cluster specification. */
const REDIRECTION = /^(MOVED|ASK) (\d+) (.*):(\d+)$/;
