/*
 * A follower keeps an instance's replica of one page in step with the store.
 *
 *     subscribe, await its reply ──► buffer deltas ──► since(own position) ──► apply both ──► live
 *     live:  a gap, a resumed channel or a failed position check ──► since(own position)
 *
 * While it waits for an answer from `since`, deltas are buffered, so the replica does not move. The
 * answer is therefore never older than the replica, which can take a snapshot unconditionally.
 */

import { cropUpdate, type Delta } from "../../board/delta.js";
import { DeltaLog } from "../../board/delta-log.js";
import type { PageRef } from "../../board/geometry.js";
import { Replica } from "../../board/replica.js";
import { backOffMs, type Clock, pause } from "../../protocol/clock.js";
import type { Claim } from "../../store/claims.js";
import { DamagedPage } from "../../store/damage.js";
import type { Unsubscribe } from "../../store/listeners.js";
import type { PageNews, PageStore } from "../../store/store.js";
import { oneAtATime } from "./one-at-a-time.js";
import { type Persistence, persist } from "./persist.js";

export type ResyncCause = "start" | "gap" | "resumed" | "check" | "ahead";

/** Called for every move of the replica, before its hub. Must not throw. */
export interface MoveObserver {
  /** The replica took this delta. `claims` came with it, if any have changed and it was news. */
  applied(delta: Delta, claims?: readonly Claim[]): void;
  /**
   * The replica was set from a snapshot. Its earlier state may not be part of the page's history.
   */
  restarted(): void;
  /** The store was asked for what was missed, so claims may have changed without news. */
  resynced?(): void;
}

/** A delta as it was heard. */
interface Heard {
  readonly delta: Delta;
  readonly claims: readonly Claim[] | undefined;
}

export interface FollowerListener extends MoveObserver {
  resync(cause: ResyncCause): void;
  failed(error: unknown): void;
}

/** Deltas kept to bring returning clients up to date without asking the store. */
const LOG_LIMITS = { deltasMax: 2_048, changesMax: 16_384 };
/** Most deltas buffered during a resync. Beyond this, the resync is repeated instead. */
const BUFFERED_MAX = 4_096;
const RETRY_MS = { first: 20, most: 500 };

export class Follower {
  readonly ref: PageRef;
  readonly replica: Replica;
  readonly log = new DeltaLog(LOG_LIMITS);
  /** Brings the replica to the store's current position or a later one. */
  readonly catchUp = oneAtATime((cause: ResyncCause) => this.#resync(cause));
  /**
   * Resolves when the replica first equals the store's page. Pending while the store is
   * unavailable.
   */
  readonly ready: Promise<void>;
  isReady = false;
  /** When a delta or a check last showed the replica to be at the store's position. */
  verifiedMs: number;
  /**
   * When the replica was last compared with the store. Equals `verifiedMs` while the page is idle.
   */
  checkedMs: number;
  /** When the page's head was last read, whether it was compared or not. */
  headMs: number;
  /** Number of position checks in a row that found the replica behind, with no delta in between. */
  missedChecks = 0;
  readonly #store: PageStore & PageNews;
  readonly #clock: Clock;
  readonly #listener: FollowerListener;
  readonly #persistence: Persistence;
  readonly #observers = new Set<MoveObserver>();
  #unsubscribe: Unsubscribe | undefined;
  #buffer: Heard[] | undefined = [];
  /** Rejects if the page proves damaged before it has been read once. */
  readonly #damaged: Promise<never>;
  #setDamaged: (error: DamagedPage) => void = () => undefined;
  #closed = false;

  constructor(ref: PageRef, cells: number, store: PageStore & PageNews, clock: Clock, listener: FollowerListener) {
    this.ref = ref;
    this.replica = new Replica(ref.page, cells);
    this.#store = store;
    this.#clock = clock;
    this.#listener = listener;
    this.verifiedMs = clock.now();
    this.checkedMs = this.verifiedMs;
    this.headMs = this.verifiedMs;
    this.#damaged = new Promise((_, fail) => {
      this.#setDamaged = fail;
    });
    this.#damaged.catch(() => undefined);
    this.#persistence = {
      clock,
      retryMs: RETRY_MS,
      isClosed: () => this.#closed,
      failed: (error) => {
        if (error instanceof DamagedPage) this.#setDamaged(error);
        listener.failed(error);
      },
    };
    this.ready = this.#start();
  }

  /** Like `ready`, but rejects with DamagedPage if the stored page is not valid. */
  readable(): Promise<void> {
    return Promise.race([this.ready, this.#damaged]);
  }

  /** Calls `observer` until the returned function is called. */
  observe(observer: MoveObserver): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  close(): void {
    this.#closed = true;
    this.#unsubscribe?.();
  }

  async #start(): Promise<void> {
    const listener = {
      delta: (delta: Delta, claims?: readonly Claim[]) => this.#hear({ delta, claims }),
      resumed: () => void this.catchUp("resumed"),
    };
    const unsubscribe = await persist(this.#persistence, () => this.#store.subscribe(this.ref, listener));
    if (this.#closed) return unsubscribe?.();
    this.#unsubscribe = unsubscribe;
    await this.catchUp("start");
    this.isReady = true;
  }

  #hear(heard: Heard): void {
    if (this.#buffer) {
      this.#buffer.push(heard);
      if (this.#buffer.length <= BUFFERED_MAX) return;
      this.#buffer = [];
    } else if (this.#receive(heard.delta, heard.claims)) {
      this.missedChecks = 0;
      return;
    }
    void this.catchUp("gap");
  }

  /** Applies a delta. Returns false if there is a gap before it. */
  #receive(stored: Delta, claims?: readonly Claim[]): boolean {
    const delta = cropUpdate(stored, this.replica.cells);
    const outcome = this.replica.receive(delta);
    if (outcome !== "applied") return outcome === "duplicate";
    this.verifiedMs = this.#clock.now();
    this.log.push(delta);
    for (const observer of this.#observers) observer.applied(delta, claims);
    this.#listener.applied(delta);
    return true;
  }

  async #resync(cause: ResyncCause): Promise<void> {
    this.#listener.resync(cause);
    this.#buffer ??= [];
    for (let round = 0; !this.#closed; round++) {
      if (round > 0) await pause(this.#clock, backOffMs(this.#clock, round, 1, RETRY_MS.most));
      const answer = await persist(this.#persistence, () => this.#store.since(this.ref, this.replica.position));
      if (!answer) return;
      if (answer.kind === "snapshot") {
        if (this.replica.receive(cropUpdate(answer, this.replica.cells)) === "applied") {
          this.log.clear();
          for (const observer of this.#observers) observer.restarted();
          this.#listener.restarted();
        }
      } else if (!answer.deltas.every((delta) => this.#receive(delta))) {
        // Deltas from the replica's position must fit together; otherwise the store's log has a
        // gap.
        this.#listener.failed(new Error(`the store's log of ${this.ref.board}:${this.ref.page} has a gap`));
        continue;
      }
      this.verifiedMs = this.#clock.now();
      if (!this.#drainBuffer()) continue;
      for (const observer of this.#observers) observer.resynced?.();
      return;
    }
  }

  /**
   * True if every buffered delta fitted or was in the answer already, so that the replica is live.
   */
  #drainBuffer(): boolean {
    const buffered = this.#buffer ?? [];
    this.#buffer = [];
    for (const { delta, claims } of buffered) {
      if (delta.to.version > this.replica.position.version && !this.#receive(delta, claims)) return false;
    }
    this.#buffer = undefined;
    return true;
  }
}
