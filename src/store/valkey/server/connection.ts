/*
 * One connection to one server. This is the only file that imports the Valkey client, which finds
 * the server, connects, logs in and reconnects. Then commands and replies go through a queue of our
 * own (command-queue.ts), because the client's many layers took a fifth of an instance's CPU.
 *
 * Nothing is resent: a command on a broken connection fails with StoreAway, and the caller decides.
 * Nothing is subscribed again after a reconnect, because that would hide errors. Redirections of a
 * cluster are followed by link.ts.
 */

import { Redis } from "ioredis";
import { type Cancel, realClock, within } from "../../../protocol/clock.js";
import { StoreAway } from "../../store.js";
import { ANSWER_MS_MAX, CONNECT_MS_MAX, clientOptions, retryMs } from "../address/client-options.js";
import type { Endpoint, ValkeyAddress } from "../address/url.js";
import { CommandQueue, type Form, NotSent, type SettleCommand } from "../resp/command-queue.js";
import type { ScriptCall } from "../scripts/scripts.js";
import { errorCode, meaningOf } from "../trouble/replies.js";
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

/** How often in a row the server may forget a script. */
const LOADS_MAX = 2;

export class ValkeyConnection {
  readonly #redis: Redis;
  readonly #endpoint: Endpoint;
  readonly #isSharded: boolean;
  readonly #events: ConnectionEvents;
  readonly #database: number;
  /** Set while the connection is logged in and in the right database. */
  #queue: CommandQueue | undefined;
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
      if (!this.#queue && this.#lastError === undefined) this.#fail(new Error("closed before the server answered"));
      this.#queue = undefined;
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
      this.#fail(error);
    });
    this.#connect();
  }

  get isUp(): boolean {
    return this.#queue !== undefined;
  }

  /** Resolves when the connection is up. Rejects at the first failure, or after a timeout. */
  firstUp(): Promise<void> {
    if (this.#queue) return Promise.resolve();
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

  /** Runs a script by its hash. Loads it if the server does not have it, or forgets it again. */
  run<Result>(call: ScriptCall<Result>, isAsking = false): Promise<Result> {
    const { script, keys, args, form = "bytes" } = call;
    const command = ["EVALSHA", script.sha, String(keys.length), ...keys, ...args];
    const answered = new Promise<unknown>((done, fail) => {
      const evaluate = (loadsLeft: number) =>
        this.#send(command, form, isAsking, (error, reply) => {
          if (error === undefined) done(reply);
          else if (loadsLeft === 0 || errorCode(error) !== "NOSCRIPT") fail(error);
          else {
            const loaded = (error: unknown) => (error === undefined ? evaluate(loadsLeft - 1) : fail(error));
            this.#send(["SCRIPT", "LOAD", script.lua], "text", false, loaded);
          }
        });
      evaluate(LOADS_MAX);
    });
    return answered.then(call.read);
  }

  /** Set `isAsking` after an ASK redirection: the server does not own the slot yet. */
  command(command: Command, isAsking = false): Promise<unknown> {
    return this.#ask(command, "text", isAsking);
  }

  /** Like `command`, but returns strings as Buffers. */
  bytes(command: readonly (string | Buffer)[], isAsking = false): Promise<unknown> {
    return this.#ask(command, "bytes", isAsking);
  }

  /** On a cluster, all channels must be in one slot. */
  subscribe(channels: readonly string[]): Promise<void> {
    return new Promise((done, fail) => {
      const queue = this.#open(fail);
      queue?.change(this.#isSharded ? "SSUBSCRIBE" : "SUBSCRIBE", channels, (error) => {
        if (error === undefined) done();
        else fail(this.#meaningOf(error));
      });
    });
  }

  /** Ignores failures, because a connection that is down has no subscriptions. */
  unsubscribe(channel: string): void {
    this.#queue?.change(this.#isSharded ? "SUNSUBSCRIBE" : "UNSUBSCRIBE", [channel], () => undefined);
  }

  /** Pings the server, and replaces the connection if nothing comes. */
  async beat(): Promise<void> {
    this.unstick();
    const queue = this.#queue;
    if (!queue || this.#isBeating) return;
    this.wake();
    this.#isBeating = true;
    const { pieces } = queue;
    const answered = new Promise((done) => queue.send(["PING"], "text", done));
    await within(realClock, ANSWER_MS_MAX, answered, () => new Silent(ANSWER_MS_MAX)).catch(() => {
      // The answer to a ping comes after all that was published before it.
      if (queue.pieces > pieces) return;
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
    if (this.#queue?.isIdle) this.#doze.begin(this.#redis.stream, ms);
  }

  wake(): void {
    this.#doze.end();
  }

  /** Ends a stuck attempt to connect: the kernel of a hanging server still accepts connections. */
  unstick(): void {
    const isAccepted = !this.#queue && ["connect", "ready"].includes(this.#redis.status);
    if (!isAccepted || performance.now() - this.#acceptedMs <= ANSWER_MS_MAX) return;
    this.#fail(new Silent(ANSWER_MS_MAX));
    this.#redis.disconnect(true);
  }

  /** Replaces the connection, unless it is being replaced already. */
  restart(): void {
    if (this.#queue && !this.#closed) this.#redis.disconnect(true);
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
    this.#queue = this.#takeOver();
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

  /** From here on, the client only watches over the connection. */
  #takeOver(): CommandQueue {
    const { stream } = this.#redis;
    stream.removeAllListeners("data");
    const { message, channelsMoved } = this.#events;
    return new CommandQueue(stream, {
      ...(message && {
        message: (channel, text) => {
          this.#doze.heard(text.length);
          message(channel, text);
        },
      }),
      ...(channelsMoved && { channelsMoved }),
      stray: (error) => {
        if (errorCode(error) === "MOVED") channelsMoved?.();
        else this.#fail(error);
      },
    });
  }

  #ask(command: readonly (string | Buffer)[], form: Form, isAsking: boolean): Promise<unknown> {
    return new Promise((done, fail) => {
      this.#send(command, form, isAsking, (error, reply) => {
        if (error === undefined) done(reply);
        else fail(error);
      });
    });
  }

  #send(command: readonly (string | Buffer)[], form: Form, isAsking: boolean, settle: SettleCommand): void {
    const queue = this.#open((error) => settle(error, null));
    if (!queue) return;
    // ASKING applies to the next command on this connection only.
    if (isAsking) queue.send(["ASKING"], "text", () => undefined);
    queue.send(command, form, (error, reply) => settle(error === undefined ? error : this.#meaningOf(error), reply));
  }

  /** The queue, awake; undefined, after a call of `fail`, if there is none. */
  #open(fail: (error: StoreAway) => void): CommandQueue | undefined {
    if (this.#queue) this.wake();
    else fail(new StoreAway("Valkey is not connected", { sent: false }));
    return this.#queue;
  }

  #meaningOf(error: unknown): unknown {
    if (error instanceof NotSent) return new StoreAway(error.message, { sent: false });
    const meaning = meaningOf(error, this.#endpoint);
    if (meaning instanceof StoreAway) this.#events.failed(error);
    return meaning;
  }
}
