/*
 * The feed of one page: what has changed since a position, for requests that shared caches answer.
 *
 *     follower ──moves──► . . . step ──moves──► . . . step     a step each second, if there is news
 *                               └─ all who wait from one position get one answer
 *
 * Answers end at steps, whatever the position that they begin at. So viewers who came at different
 * moments ask from the same position afterwards, and a cache makes one request of theirs.
 *
 * A position names one state, so an answer stays true. Before the feed calls a position unknown, it
 * asks the store, because this instance may be behind.
 */

import { cropUpdate, type Delta, mergeDeltas } from "../../../board/delta.js";
import { keepNewest } from "../../../board/keep-newest.js";
import { formatPosition, GENESIS, type Position, samePosition } from "../../../board/position.js";
import { type Cancel, type Clock, within } from "../../../protocol/clock.js";
import { encodeSnapshot } from "../../../protocol/codec.js";
import { Refusal } from "../../../protocol/errors.js";
import { encodeFramed } from "../../../protocol/lane.js";
import { LaneDelta } from "../../../protocol/lane-delta.js";
import { STORE_LIMITS, type Store } from "../../../store/store.js";
import type { Follower } from "../../pages/follower.js";
import { refuseAway } from "../../pages/store-refusal.js";

/**
 * delta, snapshot  a message of the lane, for handle 0
 * nothing          the page has stayed at the position for WAIT_MS_MAX
 * unknown          the store does not know the position; the page is at `position`
 * closed           the page is no longer held: it has another size now, or the board was removed
 */
export type FeedAnswer =
  | { readonly kind: "delta" | "snapshot"; readonly bytes: Buffer }
  | { readonly kind: "nothing" | "closed" }
  | { readonly kind: "unknown"; readonly position: Position };

/** Steps lie on full seconds of the wall clock, so that those of all instances coincide. */
const STEP_MS = 1_000;
/** Longer than this, some proxies end a request that is not answered. */
const WAIT_MS_MAX = 25_000;
/** The store may need this long beyond the wait. */
const LATE_MS = 5_000;
const RETRY_MS = 1_000;
/** How often the store is asked about a position from which it knows no way on. */
const QUESTIONS_MAX = 3;
/** Most answers kept for one step. Those who fell behind stand at different positions. */
const KEPT_MAX = 128;
/** Up to this many changes, a delta is smaller than any snapshot worth sending. */
const SMALL_DELTA_CHANGES = 256;
/** A cache answers clients of different instances, so a message names no handle of this one. */
const HANDLE = 0;

const NOTHING: FeedAnswer = { kind: "nothing" };
const CLOSED: FeedAnswer = { kind: "closed" };

export interface FeedTime {
  readonly clock: Clock;
  /** Milliseconds since 1970. */
  readonly wallMs: () => number;
}

export class PageFeed {
  readonly #follower: Follower;
  readonly #store: Pick<Store, "since" | "wake" | "available">;
  readonly #time: FeedTime;
  /** Where the last step ended. Undefined until the page is read. */
  #step: Position | undefined;
  #cancelStep: Cancel | undefined;
  /** Ends the wait for the next step. */
  readonly #waiting = new Set<() => void>();
  /** Position -> the answer that is on its way to all who ask from there. */
  readonly #reading = new Map<string, Promise<FeedAnswer>>();
  /** Position -> the answer from there to the last step. */
  readonly #kept = new Map<string, FeedAnswer>();
  readonly #stopObserving: () => void;
  /** Counts the times at which everybody who asked had gone. */
  #rests = 0;
  #isClosed = false;

  constructor(follower: Follower, store: Pick<Store, "since" | "wake" | "available">, time: FeedTime) {
    this.#follower = follower;
    this.#store = store;
    this.#time = time;
    const moved = () => this.#arm();
    this.#stopObserving = follower.observe({ applied: moved, restarted: moved });
  }

  /** The answer to `position`, now or within WAIT_MS_MAX. Rejects with a Refusal. */
  since(position: Position): Promise<FeedAnswer> {
    const key = formatPosition(position);
    const known = this.#reading.get(key);
    if (known) return known;
    const away = () => new Refusal("STORE_AWAY", { retryAfterMs: RETRY_MS });
    const reading = within(this.#time.clock, WAIT_MS_MAX + LATE_MS, this.#read(position, key), away).finally(() => {
      if (this.#reading.get(key) === reading) this.#reading.delete(key);
    });
    this.#reading.set(key, reading);
    return reading;
  }

  /** Ends all waits. Steps go on, for those who ask again soon. */
  rest(): void {
    this.#rests++;
    this.#reading.clear();
    this.#wakeAll();
  }

  /** Everybody who waits gets the answer `closed`. */
  close(): void {
    this.#isClosed = true;
    this.#stopObserving();
    this.#cancelStep?.();
    this.rest();
  }

  async #read(position: Position, key: string): Promise<FeedAnswer> {
    const endMs = this.#time.clock.now() + WAIT_MS_MAX;
    const rests = this.#rests;
    if (!this.#follower.isReady) {
      if (!this.#store.available) throw new Refusal("STORE_AWAY", { retryAfterMs: RETRY_MS });
      await this.#follower.readable().catch(refuseAway);
    }
    this.#step ??= this.#follower.replica.position;
    for (let questions = 0; !this.#isClosed && rests === this.#rests; ) {
      if (!this.#knows(position)) {
        const answer = questions++ < QUESTIONS_MAX ? await this.#ask(position) : this.#snapshot();
        if (answer) return answer;
        continue;
      }
      const answer = this.#kept.get(key) ?? this.#known(position);
      if (answer) {
        this.#kept.set(key, answer);
        keepNewest(this.#kept, KEPT_MAX);
        return answer;
      }
      if (!(await this.#nextStep(endMs))) return NOTHING;
    }
    return CLOSED;
  }

  /** Whether the replica or its log has the position. Every page has begun at genesis. */
  #knows(position: Position): boolean {
    const { replica, log } = this.#follower;
    return (
      [replica.position, GENESIS].some((known) => samePosition(position, known)) || log.since(position) !== undefined
    );
  }

  /** From a known position to the last step. Undefined if the step is not past the position. */
  #known(position: Position): FeedAnswer | undefined {
    const { replica, log } = this.#follower;
    if (samePosition(position, replica.position)) return undefined;
    const deltas = log.since(position);
    if (!deltas) return this.#snapshot();
    const last = deltas.findIndex(({ to }) => this.#step && samePosition(to, this.#step));
    const delta = mergeDeltas(deltas.slice(0, last + 1));
    return delta && this.#smaller(delta);
  }

  /** Asks the store about a position that is not known here. Undefined if it is known now. */
  async #ask(position: Position): Promise<FeedAnswer | undefined> {
    const { ref, replica, log } = this.#follower;
    const found = await this.#store.since(ref, position).catch(refuseAway);
    // Afterwards the replica is at least as far as the answer, so nobody is set back.
    await this.#follower.catchUp("ahead");
    if (this.#knows(position)) return undefined;
    if (found.kind === "deltas") {
      const delta = mergeDeltas(found.deltas.map((each) => cropUpdate(each, replica.cells)));
      return delta && this.#smaller(delta);
    }
    const behind = replica.position.version - position.version;
    // A log that covers the version has another tag there. Below the logs, nobody can tell.
    const isBelowLog = log.length > 0 ? !log.covers(position.version) : behind > STORE_LIMITS.logDeltasMax;
    return behind > 0 && isBelowLog ? this.#snapshot() : { kind: "unknown", position: replica.position };
  }

  /** The delta, or the page's snapshot if that is smaller. */
  #smaller(delta: Delta): FeedAnswer {
    const { whole } = new LaneDelta(HANDLE, delta);
    if (delta.changes.length > SMALL_DELTA_CHANGES) {
      const snapshot = this.#snapshot();
      if (snapshot.bytes.length < whole.length) return snapshot;
    }
    return { kind: "delta", bytes: bufferOf(whole) };
  }

  #snapshot() {
    const bytes = encodeFramed("snapshot", encodeSnapshot(HANDLE, this.#follower.replica.snapshot()));
    return { kind: "snapshot", bytes: bufferOf(bytes) } as const;
  }

  /** True at the next step, false at `endMs`. */
  #nextStep(endMs: number): Promise<boolean> {
    const { clock } = this.#time;
    return new Promise((done) => {
      const stepped = () => {
        cancel();
        done(true);
      };
      const cancel = clock.after(Math.max(0, endMs - clock.now()), () => {
        this.#waiting.delete(stepped);
        done(false);
      });
      this.#waiting.add(stepped);
    });
  }

  /** The page has moved, so the next full second is a step. */
  #arm(): void {
    const { clock, wallMs } = this.#time;
    this.#cancelStep ??= clock.after(STEP_MS - (wallMs() % STEP_MS), () => {
      // Includes deltas that were published but left unread until the next flush.
      this.#store.wake(() => this.#takeStep());
    });
  }

  #takeStep(): void {
    this.#cancelStep = undefined;
    if (this.#isClosed) return;
    this.#step = this.#follower.replica.position;
    this.#kept.clear();
    this.#wakeAll();
  }

  #wakeAll(): void {
    const waiting = [...this.#waiting];
    this.#waiting.clear();
    for (const wake of waiting) wake();
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
