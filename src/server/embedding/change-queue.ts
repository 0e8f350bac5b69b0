/*
 * Tells code of the app around what is committed on a board, without ever being in the way of those who watch it.
 *
 *     follower ──applied──► queue ──one at a time, in turns of its own──► listener
 *
 * The follower only ever pushes onto a bounded queue. Each page has a copy of the bits as the listener knows them. Where
 * the queue is full, or the replica was set from a snapshot, the page is marked behind: its deltas are no longer queued,
 * and when its turn comes the listener is told the difference between its copy and the replica, all at once. So a slow
 * listener hears less often, and never wrong; nobody waits for it.
 */

import { eachDifference, setBit } from "../../board/bitmap.js";
import { changedOffset, changedValue, type Delta } from "../../board/delta.js";
import { cellAt, pageOf } from "../../board/geometry.js";
import type { Position } from "../../board/position.js";
import type { Clock } from "../../protocol/clock.js";
import type { HookFailed } from "../access/guard.js";
import type { Region } from "../http/admin.js";
import type { Hub } from "../pages/hub.js";
import type { HostedBoard, Pages } from "../pages/pages.js";
import type { HubUse } from "../pages/shared-hubs.js";

/** What was committed on one page. */
export interface BoardChange {
  readonly board: string;
  readonly page: number;
  /**
   * delta     one commit: the batch of all who wrote to the page at that moment
   * snapshot  all that came between what was told last and now, where single commits cannot be told
   */
  readonly kind: "delta" | "snapshot";
  /** The cells that have another value than was told last, ascending. */
  readonly changes: readonly { readonly cell: number; readonly value: boolean }[];
  /** Where the page stands with it. Equal version and tag mean equal cells, on every instance. */
  readonly position: Position;
}

/** It may return a promise: the next change is told when that is settled. */
export type ChangeListener = (change: BoardChange) => unknown;

/** Pages one feed may follow: each costs two bitmaps of 8 KiB and a subscription. */
export const LISTENED_PAGES_MAX = 1_024;
/** Changes that may wait for a slow listener, over all pages. */
const QUEUED_CHANGES_MAX = 65_536;
/** A listener that takes longer is told of in the log, once. */
const LISTENER_MS_MAX = 30_000;

interface QueuedPage {
  readonly number: number;
  readonly hold: HubUse<Hub>;
  /** As the listener knows the page. */
  readonly told: Uint8Array;
  isBehind: boolean;
  stop(): void;
}

interface Queued {
  readonly page: QueuedPage;
  /** Undefined: the page is behind, and is to be compared with its replica. */
  readonly delta: Delta | undefined;
}

interface QueueOptions {
  readonly board: HostedBoard;
  readonly range: Region;
  readonly pages: Pages;
  readonly clock: Clock;
  readonly failed: HookFailed;
  /** Tells first what is checked already, as changes from an empty board. */
  readonly fromEmpty: boolean;
}

export class ChangeQueue {
  /** Resolves when every page is followed: what is committed from then on is told. */
  readonly ready: Promise<void>;
  readonly #listener: ChangeListener;
  readonly #options: QueueOptions;
  readonly #pages: QueuedPage[] = [];
  #queue: Queued[] = [];
  #queuedChanges = 0;
  #isTelling = false;
  #isStopped = false;
  #expectNoMore = () => {};

  constructor(listener: ChangeListener, options: QueueOptions) {
    this.#listener = listener;
    this.#options = options;
    const { start, end } = options.range;
    const joined: Promise<void>[] = [];
    for (let page = pageOf(start); page <= pageOf(end - 1); page++) joined.push(this.#follow(page));
    this.ready = Promise.all(joined).then(() => undefined);
  }

  stop(): void {
    this.#isStopped = true;
    this.#queue = [];
    this.#expectNoMore();
    for (const { hold, stop } of this.#pages) {
      stop();
      hold.release();
    }
  }

  async #follow(number: number): Promise<void> {
    const hold = this.#options.pages.use(this.#options.board, number);
    const { follower } = hold.hub;
    const told = new Uint8Array(follower.replica.bits.length);
    const page: QueuedPage = { number, hold, told, isBehind: false, stop: () => undefined };
    this.#pages.push(page);
    await follower.ready;
    if (this.#isStopped) return;
    page.stop = follower.observe({
      applied: (delta) => this.#push(page, delta),
      restarted: () => this.#fallBehind(page),
    });
    if (this.#options.fromEmpty) this.#fallBehind(page);
    else told.set(follower.replica.bits);
  }

  #push(page: QueuedPage, delta: Delta): void {
    // A board may be smaller than it was: what lies past its end is nobody's.
    if (page.isBehind || delta.changes.length === 0) return;
    if (this.#queuedChanges + delta.changes.length > QUEUED_CHANGES_MAX) this.#fallBehind(page);
    else {
      this.#queuedChanges += delta.changes.length;
      this.#enqueue({ page, delta });
    }
  }

  #fallBehind(page: QueuedPage): void {
    if (page.isBehind) return;
    page.isBehind = true;
    this.#enqueue({ page, delta: undefined });
  }

  #enqueue(queued: Queued): void {
    this.#queue.push(queued);
    if (!this.#isTelling) void this.#tellAll();
  }

  async #tellAll(): Promise<void> {
    this.#isTelling = true;
    while (this.#queue.length > 0) {
      const queued = this.#queue;
      this.#queue = [];
      for (const { page, delta } of queued) {
        // A turn of its own: between two calls everybody else is served.
        await new Promise(setImmediate);
        this.#queuedChanges -= delta?.changes.length ?? 0;
        if (this.#isStopped) return;
        const change = delta ? this.#fromDelta(page, delta) : this.#fromReplica(page);
        if (change.changes.length > 0) await this.#tell(change);
      }
    }
    this.#isTelling = false;
  }

  #fromDelta(page: QueuedPage, delta: Delta): BoardChange {
    const changes: { cell: number; value: boolean }[] = [];
    for (const change of delta.changes) {
      const offset = changedOffset(change);
      const value = changedValue(change);
      if (setBit(page.told, offset, value)) this.#add(changes, cellAt(page.number, offset), value === 1);
    }
    return this.#changeOf(page, "delta", changes, delta.to);
  }

  #fromReplica(page: QueuedPage): BoardChange {
    const { replica } = page.hold.hub.follower;
    const changes: { cell: number; value: boolean }[] = [];
    eachDifference(page.told, replica.bits, (offset, value) =>
      this.#add(changes, cellAt(page.number, offset), value === 1),
    );
    page.told.set(replica.bits);
    page.isBehind = false;
    return this.#changeOf(page, "snapshot", changes, replica.position);
  }

  #add(changes: { cell: number; value: boolean }[], cell: number, value: boolean): void {
    const { start, end } = this.#options.range;
    if (cell >= start && cell < end) changes.push({ cell, value });
  }

  #changeOf(page: QueuedPage, kind: BoardChange["kind"], changes: BoardChange["changes"], position: Position) {
    return { board: this.#options.board.name, page: page.number, kind, changes, position };
  }

  async #tell(change: BoardChange): Promise<void> {
    const { clock, failed } = this.#options;
    try {
      const told = this.#listener(change);
      if (!isThenable(told)) return;
      this.#expectNoMore = clock.after(LISTENER_MS_MAX, () =>
        failed("onChange", new Error(`a listener of ${change.board} has not come back for ${LISTENER_MS_MAX} ms`)),
      );
      await told;
    } catch (error) {
      failed("onChange", error);
    } finally {
      this.#expectNoMore();
    }
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value;
}
