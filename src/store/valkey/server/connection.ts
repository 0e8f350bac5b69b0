/*
 * One connection to one server. This is the only file that imports the Valkey client. The client's
 * automatic features are off. It does not resend: a command on a broken connection fails with
 * StoreAway, and the caller decides. It does not resubscribe after a reconnect, because that would
 * hide errors. It does not follow cluster redirections, because that resends commands; link.ts
 * follows them.
 */

import { Redis } from "ioredis";
import { type Cancel, realClock, within } from "../../../protocol/clock.js";
import { StoreAway } from "../../store.js";
import { ANSWER_MS_MAX, CONNECT_MS_MAX, clientOptions, retryMs } from "../address/client-options.js";
import type { Endpoint, ValkeyAddress } from "../address/url.js";
import type { ScriptCall } from "../scripts/scripts.js";
import { errorCode, meaningOf, strayReply } from "../trouble/replies.js";
import { Silent } from "../trouble/trouble.js";
import { Doze } from "./doze.js";

export interface ConnectionEvents {
  /** The connection is up, for the first time or again. Nothing is subscribed on it yet. */
  up?(): void;
  down?(): void;
  /** A published message arrived. */
  message?(channel: string, message: string): void;
  /** The server dropped some subscriptions, because another server owns their slot now. */
  channelsMoved?(): void;
  /** A command or an attempt to connect failed for an external reason. */
  failed(error: unknown): void;
  /** The server did not answer a ping, so the connection is being replaced. */
  silent(ms: number): void;
}

export type Command = readonly [name: string, ...args: string[]];

export class ValkeyConnection {
  readonly #redis: Redis;
  readonly #endpoint: Endpoint;
  readonly #isSharded: boolean;
  readonly #events: ConnectionEvents;
  readonly #database: number;
  /** Connected, logged in, and in the right database. */
  #isUp = false;
  #lastError: unknown;
  /** Callers waiting for the outcome of the attempt to connect. */
  readonly #waiting = new Set<(error?: unknown) => void>();
  /** Number of attempts to connect since the connection was last up. */
  #attempts = 0;
  #isBeating = false;
  /** When the server accepted the connection, while that is not ready yet. */
  #acceptedMs = 0;
  #cancelRevival: Cancel | undefined;
  readonly #doze = new Doze();
  /** Number of commands waiting for an answer. */
  #unanswered = 0;
  #closed = false;

  /** Connects in the background, and reconnects after a loss. `name` appears in CLIENT LIST. */
  constructor(address: ValkeyAddress, endpoint: Endpoint, name: string, events: ConnectionEvents) {
    this.#endpoint = endpoint;
    this.#isSharded = address.kind === "cluster";
    this.#events = events;
    this.#database = address.kind === "single" ? address.database : 0;
    this.#redis = new Redis({
      ...clientOptions(address, endpoint),
      connectionName: name,
      // Counted here, because the client resets its own count before the database is selected.
      retryStrategy: () => retryMs(++this.#attempts),
    });
    this.#redis.on("ready", () => void this.#begin());
    this.#redis.on("close", () => {
      // Not every close comes with an error.
      if (!this.#isUp && this.#lastError === undefined) this.#fail(new Error("closed before the server answered"));
      this.#isUp = false;
      this.wake();
      events.down?.();
      this.#settle(this.#lastError ?? new Error("closed by the server"));
    });
    this.#redis.on("connecting", () => {
      this.#lastError = undefined;
    });
    this.#redis.on("connect", () => {
      this.#acceptedMs = performance.now();
    });
    // The client gives up forever if Sentinel reports a failover while it is being asked.
    this.#redis.on("end", () => {
      if (!this.#closed) this.#cancelRevival = realClock.after(retryMs(10), () => this.#connect());
    });
    // An `error` event without a listener ends the process, and TLS may emit two on one socket.
    this.#redis.on("error", (error) => {
      this.#redis.stream?.on("error", () => undefined);
      if (strayReply(error)?.startsWith("MOVED ")) events.channelsMoved?.();
      else this.#fail(error);
    });
    const message = (channel: string, text: string) => {
      this.#doze.heard(text.length);
      events.message?.(channel, text);
    };
    this.#redis.on("message", message);
    this.#redis.on("smessage", message);
    this.#redis.on("moved", () => events.channelsMoved?.());
    this.#connect();
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** Resolves when the connection is up. Rejects at the first failure, or after a timeout. */
  firstUp(): Promise<void> {
    if (this.#isUp) return Promise.resolve();
    return new Promise((done, fail) => {
      const settled = (error?: unknown) => {
        cancel();
        this.#waiting.delete(settled);
        if (error) fail(error);
        else done();
      };
      const cancel = realClock.after(CONNECT_MS_MAX, () => settled(this.#lastError ?? new Silent(CONNECT_MS_MAX)));
      this.#waiting.add(settled);
    });
  }

  /**
   * Runs a script by its hash, loading it first if the server does not have it. The server may
   * forget it again before it runs.
   */
  async run<Result>({ script, keys, args, read }: ScriptCall<Result>, isAsking = false): Promise<Result> {
    const evaluate = () => this.bytes(["EVALSHA", script.sha, String(keys.length), ...keys, ...args], isAsking);
    const load = async (error: unknown) => {
      if (errorCode(error) !== "NOSCRIPT") throw error;
      await this.command(["SCRIPT", "LOAD", script.lua]);
      return evaluate();
    };
    return read(await evaluate().catch(load).catch(load));
  }

  /** Set `isAsking` after an ASK redirection: the server does not own the slot yet. */
  command([name, ...args]: Command, isAsking = false): Promise<unknown> {
    return this.#send(() => this.#redis.call(name, ...args), isAsking);
  }

  /** Like `command`, but returns strings as Buffers. */
  bytes([name, ...args]: readonly [string, ...(string | Buffer)[]], isAsking = false): Promise<unknown> {
    return this.#send(() => this.#redis.callBuffer(name, ...args), isAsking);
  }

  /** On a cluster, all channels must be in one slot. */
  async subscribe(channels: readonly string[]): Promise<void> {
    await this.#send(() =>
      this.#isSharded ? this.#redis.ssubscribe(...channels) : this.#redis.subscribe(...channels),
    );
  }

  /** Ignores failures, because a connection that is down has no subscriptions. */
  unsubscribe(channel: string): void {
    if (!this.#isUp) return;
    const done = this.#isSharded ? this.#redis.sunsubscribe(channel) : this.#redis.unsubscribe(channel);
    done.catch(() => undefined);
  }

  /** Pings the server, and replaces the connection if there is no answer. */
  async beat(): Promise<void> {
    this.unstick();
    if (!this.#isUp || this.#isBeating) return;
    this.wake();
    this.#isBeating = true;
    await within(realClock, ANSWER_MS_MAX, this.#redis.ping(), () => new Silent(ANSWER_MS_MAX)).catch((error) => {
      if (!(error instanceof Silent)) return;
      this.#events.silent(ANSWER_MS_MAX);
      this.restart();
    });
    this.#isBeating = false;
  }

  /**
   * Stops reading from the server for `ms`, or until `wake`, a command or a beat. Has no effect
   * while an answer is pending or traffic is heavy.
   */
  doze(ms: number): void {
    if (this.#unanswered === 0 && this.#isUp) this.#doze.begin(this.#redis.stream, ms);
  }

  wake(): void {
    this.#doze.end();
  }

  /** Ends a stuck attempt to connect: the kernel of a hanging server still accepts connections. */
  unstick(): void {
    const isAccepted = !this.#isUp && ["connect", "ready"].includes(this.#redis.status);
    if (!isAccepted || performance.now() - this.#acceptedMs <= ANSWER_MS_MAX) return;
    this.#fail(new Silent(ANSWER_MS_MAX));
    this.#redis.disconnect(true);
  }

  /** Replaces the connection, unless it is being replaced already. */
  restart(): void {
    if (this.#isUp && !this.#closed) this.#redis.disconnect(true);
  }

  close(): void {
    this.#closed = true;
    this.wake();
    this.#cancelRevival?.();
    this.#redis.disconnect();
  }

  #connect(): void {
    this.#redis.connect().catch(() => undefined);
  }

  /**
   * Selects the database that the address names. The client itself would ignore a refusal and stay
   * in database 0, which may belong to another deployment.
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
    this.#events.up?.();
  }

  #fail(error: unknown): void {
    this.#lastError = error;
    this.#events.failed(error);
  }

  #settle(error?: unknown): void {
    for (const settled of this.#waiting) settled(error);
  }

  async #send<Reply>(command: () => Promise<Reply>, isAsking = false): Promise<Reply> {
    if (!this.#isUp) throw new StoreAway("Valkey is not connected", { sent: false });
    this.wake();
    this.#unanswered++;
    try {
      // ASKING applies to the next command on this connection only.
      if (isAsking) this.#redis.call("ASKING").catch(() => undefined);
      return await command();
    } catch (error) {
      const meaning = meaningOf(error, this.#endpoint);
      if (meaning instanceof StoreAway) this.#events.failed(error);
      throw meaning;
    } finally {
      this.#unanswered--;
    }
  }
}
