/*
 * Writes that are acknowledged only after copies of them exist. WAIT and WAITAOF block their
 * connection until everything written on it is safe. Each level of durability therefore has its own
 * connection, and its writes share the wait:
 *
 *     EVALSHA a · EVALSHA b ─► both answered ─► WAIT ─► acknowledge a, b
 *     EVALSHA c   queued                           └► EVALSHA c ─► answered ─► WAIT ─► ack c
 *
 * A retried write may change nothing, which leaves WAIT nothing to wait for. On durable boards, the
 * script therefore writes a mark if a batch writes nothing else (commit.lua).
 */

import { type Durability, formatDurability } from "../../durability.js";
import { Unconfirmed } from "../../store.js";
import type { ScriptCall } from "../scripts/scripts.js";
import type { ValkeyConnection } from "./connection.js";

interface Waiting {
  /**
   * Runs the script. Resolves with a function that delivers the result, to be called once it is
   * safe.
   */
  readonly start: () => Promise<() => void>;
  readonly fail: (error: unknown) => void;
}

/** Most scripts that share one wait. */
const ROUND_MAX = 256;
/** Time for the server's answer to arrive, on top of the time that the server may wait. */
const ANSWER_MS_MAX = 2_000;

export class DurableRounds {
  readonly #connection: ValkeyConnection;
  readonly #durability: Durability;
  readonly #waitMs: number;
  #queue: Waiting[] = [];
  #isDraining = false;

  constructor(connection: ValkeyConnection, durability: Durability, waitMs: number) {
    this.#connection = connection;
    this.#durability = durability;
    this.#waitMs = waitMs;
  }

  /** Rejects with Unconfirmed if the script ran but its effect was not safe in time. */
  run<Result>(call: ScriptCall<Result>, isAsking: boolean): Promise<Result> {
    return new Promise((done, fail) => {
      const start = async () => {
        const result = await this.#connection.run(call, isAsking);
        return () => done(result);
      };
      this.#queue.push({ start, fail });
      if (!this.#isDraining) void this.#drain();
    });
  }

  /**
   * Pings the server unless a wait is in progress. A wait blocks pings but has its own time limit.
   */
  beat(): void {
    if (this.#isDraining) this.#connection.unstick();
    else this.#connection.beat();
  }

  restart(): void {
    this.#connection.restart();
  }

  close(): void {
    this.#connection.close();
  }

  async #drain(): Promise<void> {
    this.#isDraining = true;
    // The first write opens the connection and must not fail because the connection is not up yet.
    if (!this.#connection.isUp) await this.#connection.firstUp().catch(() => undefined);
    while (this.#queue.length > 0) await this.#round(this.#queue.splice(0, ROUND_MAX));
    // Done in the step that found the queue empty, so that a later write drains it again.
    this.#isDraining = false;
  }

  async #round(writes: readonly Waiting[]): Promise<void> {
    // A hanging server would block the queue forever. Restarting the connection fails its commands.
    const late = setTimeout(() => this.#connection.restart(), this.#waitMs + ANSWER_MS_MAX);
    const started = await Promise.allSettled(writes.map((write) => write.start()));
    const isSafe = started.some(({ status }) => status === "fulfilled") && (await this.#isSafe());
    clearTimeout(late);
    writes.forEach((write, index) => {
      const outcome = started[index];
      if (outcome?.status !== "fulfilled") write.fail(outcome?.reason);
      else if (isSafe) outcome.value();
      else write.fail(new Unconfirmed(`not ${formatDurability(this.#durability)} within ${this.#waitMs} ms`));
    });
  }

  /** Waits until everything written on the connection is safe, or until the time is up. */
  async #isSafe(): Promise<boolean> {
    const waitMs = String(this.#waitMs);
    const replicas = this.#durability.level === "replicated" ? this.#durability.replicas : 0;
    const wait =
      replicas > 0 ? (["WAIT", String(replicas), waitMs] as const) : (["WAITAOF", "1", "0", waitMs] as const);
    // Counts as no copies if the server failed, was demoted, or has no append-only file.
    const reply = await this.#connection.command(wait).catch(() => 0);
    return Number(Array.isArray(reply) ? reply[0] : reply) >= Math.max(1, replicas);
  }
}
