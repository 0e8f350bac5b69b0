/*
 * Writes that are acknowledged only when copies of them exist. WAIT and WAITAOF block their connection until what was
 * written on it before is safe, so these writes have a connection of their own, and share the waiting:
 *
 *     EVALSHA a · EVALSHA b · WAIT ─────────► acknowledge a, b
 *     EVALSHA c   gathers      └► EVALSHA c · WAIT ─────► acknowledge c
 *
 * A write that is sent again changes nothing, and WAIT would have nothing to wait for; therefore the script writes a mark
 * on durable boards whatever the batch does (commit.lua), and what is waited for is never older than the answer.
 */

import type { Durability } from "./durability.js";
import type { ScriptCall } from "./scripts.js";
import { Unconfirmed } from "./store.js";
import type { ValkeyConnection } from "./valkey.js";

interface Waiting {
  readonly durability: Durability;
  /** Runs the script; what it gives is handed out by the function that comes back, once it is safe. */
  readonly start: () => Promise<() => void>;
  readonly fail: (error: unknown) => void;
}

/** Scripts that share one wait. */
const ROUND_MAX = 256;
/** On top of the time that the server may wait: for its answer to arrive. */
const ANSWER_MS_MAX = 2_000;

export class DurableLane {
  readonly #connection: ValkeyConnection;
  readonly #waitMs: number;
  #queue: Waiting[] = [];
  #running: Promise<void> | undefined;

  constructor(connection: ValkeyConnection, waitMs: number) {
    this.#connection = connection;
    this.#waitMs = waitMs;
  }

  /** Rejects with Unconfirmed if the script ran, and its effect was not safe in time. */
  run<Result>(call: ScriptCall<Result>, durability: Durability, isAsking: boolean): Promise<Result> {
    return new Promise((done, fail) => {
      const start = async () => {
        const result = await this.#connection.run(call, isAsking);
        return () => done(result);
      };
      this.#queue.push({ durability, start, fail });
      this.#running ??= this.#drain().finally(() => {
        this.#running = undefined;
      });
    });
  }

  /** While it waits it cannot answer a beat; a round has its own bound. */
  beat(): void {
    this.#connection.unstick();
  }

  restart(): void {
    this.#connection.restart();
  }

  close(): void {
    this.#connection.close();
  }

  async #drain(): Promise<void> {
    // The first connection is made with the first write: it is not to fail for that.
    if (!this.#connection.isUp) await this.#connection.firstUp().catch(() => undefined);
    while (this.#queue.length > 0) await this.#round(this.#queue.splice(0, ROUND_MAX));
  }

  async #round(writes: readonly Waiting[]): Promise<void> {
    // A server that hangs would hold the lane for ever; the connection's end fails what is on it.
    const late = setTimeout(() => this.#connection.restart(), this.#waitMs + ANSWER_MS_MAX);
    const started = await Promise.allSettled(writes.map((write) => write.start()));
    const safe = await this.#wait(writes.filter((_, index) => started[index]?.status === "fulfilled"));
    clearTimeout(late);
    writes.forEach((write, index) => {
      const outcome = started[index];
      if (outcome?.status !== "fulfilled") write.fail(outcome?.reason);
      else if (safe(write.durability)) outcome.value();
      else write.fail(new Unconfirmed(`not ${write.durability.level} within ${this.#waitMs} ms`));
    });
  }

  /** Waits for what all of `writes` ask; tells for each level whether it was reached. */
  async #wait(writes: readonly Waiting[]): Promise<(durability: Durability) => boolean> {
    let replicas = 0;
    let isFsyncAsked = false;
    for (const { durability } of writes) {
      if (durability.level === "replicated") replicas = Math.max(replicas, durability.replicas);
      else isFsyncAsked ||= durability.level === "fsynced";
    }
    const [copies, syncs] = await Promise.all([
      replicas > 0 ? this.#ask("WAIT", String(replicas), String(this.#waitMs)) : 0,
      isFsyncAsked ? this.#ask("WAITAOF", "1", "0", String(this.#waitMs)) : 0,
    ]);
    return (durability) => (durability.level === "replicated" ? copies >= durability.replicas : syncs >= 1);
  }

  /** How many copies there are; 0 if the server does not say: it broke off, was demoted, or has no append-only file. */
  async #ask(name: string, ...args: string[]): Promise<number> {
    const reply = await this.#connection.command(name, ...args).catch(() => 0);
    return Number(Array.isArray(reply) ? reply[0] : reply);
  }
}
