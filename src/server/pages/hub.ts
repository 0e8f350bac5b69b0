/*
 * A hub fans one page out to the clients that watch it. All its members are at the position of the
 * last flush, so a frame is encoded once and fits all of them.
 *
 *     follower ──applied──► (gathers) ──flush──► one frame ──► every member
 *
 *     joining   one synchronous step brings a recipient from the position it holds to that of the
 *               last flush, and makes it a member. If deltas have gathered since, it waits for the
 *               next flush.
 *     lagging   a member whose outgoing buffer is not drained stops being a member and is not sent
 *               to. When the buffer is empty it joins again, from the position it had.
 */

import { cropUpdate, type Delta, mergeDeltas } from "../../board/delta.js";
import { formatPosition, GENESIS, type Position, samePosition } from "../../board/position.js";
import type { Clock } from "../../protocol/clock.js";
import { encodeSnapshot } from "../../protocol/codec.js";
import type { Store } from "../../store/store.js";
import type { FanOut } from "./fan-out.js";
import type { Follower } from "./follower.js";
import { Lagging } from "./lagging.js";
import { DeltaFrame, type Frame, type HubObserver, type PageFrame, type Recipient } from "./recipient.js";
import { refuseAway } from "./store-refusal.js";

/**
 * Called with the frame that brought a joining recipient up to date; undefined if none was needed.
 */
export type CatchUpObserver = (frame: PageFrame | undefined) => void;

/** A recipient that is about to become a member. */
interface Arrival {
  readonly recipient: Recipient;
  readonly position: Position;
  /** The store's answer, which leads from `position` to one that the follower's log may know. */
  readonly prefix: Delta | undefined;
  readonly waiters: Waiter[];
}

/** A request waiting for a recipient to join. A watch that overtakes another adds a waiter. */
interface Waiter {
  done(): void;
  fail(error: unknown): void;
}

/** Up to this many changes, a delta is smaller than any snapshot worth sending. */
const SMALL_DELTA_CHANGES = 256;
/** Key of the catch-up frame for clients without a usable position. */
const WHOLE = "";
/** Most catch-up frames kept, each at most the size of a snapshot. */
const CATCH_UPS_MAX = 128;

export class Hub {
  readonly follower: Follower;
  /** The board's handle in frames. */
  readonly handle: number;
  readonly #store: Store;
  readonly #fanOut: FanOut;
  readonly #members = new Set<Recipient>();
  /** Recipient, at any stage -> its arrival in progress, if any. */
  readonly #watching = new Map<Recipient, Arrival | undefined>();
  readonly #arrived = new Set<Arrival>();
  readonly #lagging: Lagging;
  readonly #caughtUp: CatchUpObserver;
  readonly #observers = new Set<HubObserver>();
  /**
   * Starting position -> frame to the current position. Many clients that return together share it.
   */
  readonly #catchUps = new Map<string, PageFrame>();
  /** Position -> request to the store in progress, shared in the same way. */
  readonly #asked = new Map<string, Promise<Delta | undefined>>();
  /** The position of all members. */
  #flushed: Position = GENESIS;
  /** Whether the page was set from a snapshot since the last flush. */
  #restarted = false;

  constructor(
    handle: number,
    follower: Follower,
    store: Store,
    fanOut: FanOut,
    clock: Clock,
    caughtUp: CatchUpObserver,
  ) {
    this.handle = handle;
    this.follower = follower;
    this.#store = store;
    this.#fanOut = fanOut;
    this.#caughtUp = caughtUp;
    this.#lagging = new Lagging(clock, (recipient, position) => this.#rejoin(recipient, position));
  }

  get watchers(): number {
    return this.#watching.size;
  }

  isWatchedBy(recipient: Recipient): boolean {
    return this.#watching.has(recipient);
  }

  get laggingCount(): number {
    return this.#lagging.size;
  }

  /** Resolves when the recipient is a member. `position` is the one that the client already has. */
  watch(recipient: Recipient, position: Position): Promise<void> {
    const waiters = this.#drop(recipient);
    return new Promise((done, fail) => {
      waiters.push({ done, fail });
      this.#join(recipient, position, waiters).catch((error: unknown) => {
        for (const waiter of waiters) waiter.fail(error);
      });
    });
  }

  /** Sends every recipient a frame that is not part of the page's history. */
  tell(frame: Frame): void {
    for (const recipient of this.#watching.keys()) recipient.send(frame);
  }

  unwatch(recipient: Recipient): void {
    for (const { done } of this.#drop(recipient)) done();
    for (const observer of this.#observers) observer.left?.(recipient);
  }

  /** Calls `observer` until the returned function is called. */
  observe(observer: HubObserver): () => void {
    this.#observers.add(observer);
    return () => this.#observers.delete(observer);
  }

  moved(restarted: boolean): void {
    this.#catchUps.clear();
    this.#restarted ||= restarted;
    this.#fanOut.request(this);
  }

  flush(): number {
    const before = this.#flushed;
    const { position } = this.follower.replica;
    const restarted = this.#restarted;
    this.#flushed = position;
    this.#restarted = false;
    if (samePosition(before, position)) return 0;
    let sent = 0;
    if (this.#members.size > 0) {
      const frame = this.#frameSince(restarted ? undefined : before);
      for (const member of this.#members) {
        if (member.backlogged) this.#setLagging(member, before);
        else {
          member.send(frame);
          sent++;
        }
      }
    }
    for (const observer of this.#observers) observer.flushed?.();
    return sent;
  }

  flushed(): void {
    for (const arrival of this.#arrived) this.#admit(arrival);
  }

  close(): void {
    this.#fanOut.forget(this);
    this.#lagging.close();
    this.follower.close();
  }

  /** Removes the recipient. Returns the requests that waited for it to join. */
  #drop(recipient: Recipient): Waiter[] {
    const arrival = this.#watching.get(recipient);
    this.#watching.delete(recipient);
    this.#members.delete(recipient);
    this.#lagging.delete(recipient);
    if (!arrival) return [];
    this.#arrived.delete(arrival);
    return arrival.waiters;
  }

  get #isLevel(): boolean {
    return !this.#restarted && samePosition(this.#flushed, this.follower.replica.position);
  }

  async #join(recipient: Recipient, position: Position, waiters: Waiter[]): Promise<void> {
    // Claims the place immediately. A later watch or unwatch of the recipient replaces the claim.
    let arrival: Arrival = { recipient, position, prefix: undefined, waiters };
    this.#watching.set(recipient, arrival);
    if (!this.follower.isReady) await this.follower.readable().catch(refuseAway);
    if (this.#watching.get(recipient) !== arrival) return;
    if (!this.#knows(position)) {
      const prefix = await this.#ask(position).catch((error: unknown) => {
        // If a later watch overtook this one, it has taken over the waiters.
        if (this.#watching.get(recipient) === arrival) throw error;
        return undefined;
      });
      if (this.#watching.get(recipient) !== arrival) return;
      arrival = { ...arrival, prefix };
      this.#watching.set(recipient, arrival);
    }
    if (this.#isLevel) this.#admit(arrival);
    else this.#arrived.add(arrival);
  }

  #rejoin(recipient: Recipient, position: Position): void {
    this.#join(recipient, position, []).catch(() => {
      // The store did not answer, so try again later.
      if (this.#watching.has(recipient)) this.#setLagging(recipient, position);
    });
  }

  /** The synchronous step: sends the missing changes, then makes the recipient a member. */
  #admit(arrival: Arrival): void {
    const { recipient, position } = arrival;
    this.#arrived.delete(arrival);
    if (recipient.backlogged) this.#setLagging(recipient, position);
    else {
      const frame = this.#catchUpFrame(position, arrival.prefix);
      if (frame) recipient.send(frame);
      this.#caughtUp(frame);
      this.#watching.set(recipient, undefined);
      this.#members.add(recipient);
    }
    for (const waiter of arrival.waiters) waiter.done();
  }

  #setLagging(recipient: Recipient, position: Position): void {
    this.#members.delete(recipient);
    this.#watching.set(recipient, undefined);
    this.#lagging.add(recipient, position);
  }

  /** Whether deltas, or a snapshot from genesis, lead from `position` to the current one. */
  #knows(position: Position): boolean {
    const { replica, log } = this.follower;
    return (
      samePosition(position, replica.position) || samePosition(position, GENESIS) || log.since(position) !== undefined
    );
  }

  /**
   * Asks the store for the deltas since a position that is not known here. Afterwards the replica
   * is at least as far as the answer, so a client that is ahead of this instance is never set back.
   */
  #ask(position: Position): Promise<Delta | undefined> {
    const key = formatPosition(position);
    const asked = this.#asked.get(key) ?? this.#askNow(position).finally(() => this.#asked.delete(key));
    this.#asked.set(key, asked);
    return asked;
  }

  async #askNow(position: Position): Promise<Delta | undefined> {
    const { log } = this.follower;
    const isHere = log.covers(position.version);
    const answer = isHere ? undefined : await this.#store.since(this.follower.ref, position).catch(refuseAway);
    await this.follower.catchUp("ahead");
    if (answer?.kind === "deltas") {
      return mergeDeltas(answer.deltas.map((delta) => cropUpdate(delta, this.follower.replica.cells)));
    }
    // If the log, now up to date, covers the version, then the position was made up or its history
    // was lost.
    const isSettled = answer || this.#knows(position) || log.covers(position.version);
    return isSettled ? undefined : this.#askNow(position);
  }

  /**
   * The frame from `position`, through `prefix`, to the current position; undefined if nothing is
   * missing.
   */
  #catchUpFrame(position: Position, prefix: Delta | undefined): PageFrame | undefined {
    const { replica, log } = this.follower;
    if (samePosition(position, replica.position)) return undefined;
    const key = formatPosition(position);
    const cached = this.#catchUps.get(key);
    if (cached) return cached;
    const from = prefix?.to ?? position;
    const rest = samePosition(from, replica.position) ? [] : log.since(from);
    const deltas = rest && prefix ? [prefix, ...rest] : rest;
    // All positions from which no deltas lead here share one snapshot.
    const frame = deltas ? this.#smaller(mergeDeltas(deltas)) : (this.#catchUps.get(WHOLE) ?? this.#smaller(undefined));
    if (this.#catchUps.size >= CATCH_UPS_MAX) this.#catchUps.clear();
    this.#catchUps.set(deltas ? key : WHOLE, frame);
    return frame;
  }

  #frameSince(position: Position | undefined): PageFrame {
    const deltas = position && this.follower.log.since(position);
    return this.#smaller(deltas && mergeDeltas(deltas));
  }

  /** The delta's frame, or the snapshot's if there is no delta or the delta is larger. */
  #smaller(delta: Delta | undefined): PageFrame {
    const frame = delta && new DeltaFrame(this.handle, delta);
    if (frame && frame.delta.changes.length <= SMALL_DELTA_CHANGES) return frame;
    const snapshot = this.follower.replica.snapshot();
    const bytes = encodeSnapshot(this.handle, snapshot);
    if (frame && frame.text.length <= bytes.length) return frame;
    const { page, position } = snapshot;
    return { kind: "snapshot", handle: this.handle, page, position, bytes };
  }
}
