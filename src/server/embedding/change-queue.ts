/*
 * Reports the changes committed on a board to a listener of the host app, without ever delaying the
 * clients that watch the board.
 *
 *     follower ──applied──► queue ──one at a time, each in its own turn──► listener
 *
 * The follower only pushes onto a bounded queue. Each page has a copy of the bits as last reported.
 * If the queue is full, or the replica was set from a snapshot, the page falls behind: its deltas
 * are no longer queued. At its turn, the difference between copy and replica is reported. A slow
 * listener is called less often, but always gets correct changes.
 */

import { eachDifference, setBit } from "../../board/bitmap.js";
import { changedOffset, changedValue, type Delta } from "../../board/delta.js";
import { cellAt, pagesBetween } from "../../board/geometry.js";
import type { Position } from "../../board/position.js";
import type { Clock } from "../../protocol/clock.js";
import type { HookFailed } from "../access/guard.js";
import type { Region } from "../admin/admin.js";
import type { Hub } from "../pages/hub.js";
import type { HostedBoard, Pages } from "../pages/pages.js";
import type { HubUse } from "../pages/shared-hubs.js";

/** A change of one page, as a listener gets it. */
export interface BoardChange {
  /** Name of the board. */
  readonly board: string;
  /** The page, a block of 65,536 cells, that contains all changed cells. */
  readonly page: number;
  /**
   * delta     one commit, which is a batch of writes by any number of clients
   * snapshot  all changes since the last report, if the individual commits are not known
   */
  readonly kind: "delta" | "snapshot";
  /** The cells whose value differs from the last report, ascending. */
  readonly changes: readonly { readonly cell: number; readonly value: boolean }[];
  /** The page's position after the change. Equal positions mean equal cells on every instance. */
  readonly position: Position;
}

/** If it returns a promise, the next change is reported once that promise has settled. */
export type ChangeListener = (change: BoardChange) => unknown;

/** Pages that one listener may follow. Each costs two bitmaps of 8 KiB and a subscription. */
export const LISTENED_PAGES_MAX = 1_024;
/** Changes that may wait for a slow listener, summed over all pages. */
const QUEUED_CHANGES_MAX = 65_536;
/** A call of a listener that takes longer is logged once. */
const LISTENER_MS_MAX = 30_000;

const NOTHING: Uint8Array = new Uint8Array(0);

interface QueuedPage {
  readonly number: number;
  readonly hold: HubUse<Hub>;
  readonly reported: Uint8Array;
  isBehind: boolean;
  /** Nothing counts as reported yet: what is there when the page is ready will. */
  isFresh: boolean;
  /** Another has taken its place, and reports what this one has not. */
  isGone: boolean;
  stop(): void;
}

interface Queued {
  readonly page: QueuedPage;
  /** If undefined, the page is behind, so its bits are compared with the replica. */
  readonly delta: Delta | undefined;
}

interface QueueOptions {
  readonly board: HostedBoard;
  /** Undefined: the whole board. */
  readonly range: Region | undefined;
  readonly pages: Pages;
  readonly clock: Clock;
  readonly failed: HookFailed;
  readonly fromEmpty: boolean;
}

export class ChangeQueue {
  /** Resolves when every page is followed, so that all commits from then on are reported. */
  readonly ready: Promise<void>;
  readonly #listener: ChangeListener;
  readonly #options: QueueOptions;
  #pages: QueuedPage[] = [];
  #queue: Queued[] = [];
  #queuedChanges = 0;
  #isReporting = false;
  #isStopped = false;
  #expectNoMore = () => {};

  constructor(listener: ChangeListener, options: QueueOptions) {
    this.#listener = listener;
    this.#options = options;
    const joined = this.#numbers.map((page) => this.#follow(page, options.fromEmpty ? NOTHING : undefined));
    this.ready = Promise.all(joined).then(() => undefined);
  }

  /** Follows the pages that the board has now, and reports what differs on them. */
  resized(): void {
    const numbers = new Set(this.#numbers);
    const before = new Map<number, Uint8Array | undefined>();
    this.#pages = this.#pages.filter((page) => {
      const { number, hold, reported, isFresh } = page;
      if (numbers.has(number) && this.#options.pages.isHeld(hold.hub)) return numbers.delete(number);
      page.isGone = true;
      page.stop();
      hold.release();
      before.set(number, isFresh ? undefined : reported);
      return false;
    });
    for (const number of numbers) void this.#follow(number, before.has(number) ? before.get(number) : NOTHING);
  }

  get #range(): Region {
    return this.#options.range ?? { start: 0, end: this.#options.board.size };
  }

  /** The pages to follow. */
  get #numbers(): number[] {
    const { start, end } = this.#range;
    const pages = pagesBetween(start, Math.min(end, this.#options.board.size));
    return pages.slice(0, LISTENED_PAGES_MAX);
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

  /** Reports what differs from `before`, or only what changes from now on. */
  async #follow(number: number, before: Uint8Array | undefined): Promise<void> {
    const hold = this.#options.pages.use(this.#options.board, number);
    const { follower } = hold.hub;
    const reported = new Uint8Array(follower.replica.bits.length);
    const state = { isBehind: false, isFresh: !before, isGone: false };
    const page: QueuedPage = { number, hold, reported, ...state, stop: () => undefined };
    if (before) reported.set(before.subarray(0, reported.length));
    this.#pages.push(page);
    await follower.ready;
    if (this.#isStopped || page.isGone) return;
    page.stop = follower.observe({
      applied: (delta) => this.#push(page, delta),
      restarted: () => this.#fallBehind(page),
    });
    if (before) this.#fallBehind(page);
    else reported.set(follower.replica.bits);
    page.isFresh = false;
  }

  #push(page: QueuedPage, delta: Delta): void {
    // If a board has shrunk, a delta past its end has no changes left.
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
    if (!this.#isReporting) void this.#reportAll();
  }

  async #reportAll(): Promise<void> {
    this.#isReporting = true;
    while (this.#queue.length > 0) {
      const queued = this.#queue;
      this.#queue = [];
      for (const { page, delta } of queued) {
        // Each call gets its own turn, so that everything else is served between two calls.
        await new Promise(setImmediate);
        this.#queuedChanges -= delta?.changes.length ?? 0;
        if (this.#isStopped) return;
        if (page.isGone) continue;
        const change = delta ? this.#fromDelta(page, delta) : this.#fromReplica(page);
        if (change.changes.length > 0) await this.#report(change);
      }
    }
    this.#isReporting = false;
  }

  #fromDelta(page: QueuedPage, delta: Delta): BoardChange {
    const changes: { cell: number; value: boolean }[] = [];
    for (const change of delta.changes) {
      const offset = changedOffset(change);
      const value = changedValue(change);
      if (setBit(page.reported, offset, value)) this.#add(changes, cellAt(page.number, offset), value === 1);
    }
    const board = this.#options.board.name;
    return { board, page: page.number, kind: "delta", changes, position: delta.to };
  }

  #fromReplica(page: QueuedPage): BoardChange {
    const { replica } = page.hold.hub.follower;
    const changes: { cell: number; value: boolean }[] = [];
    eachDifference(page.reported, replica.bits, (offset, value) =>
      this.#add(changes, cellAt(page.number, offset), value === 1),
    );
    page.reported.set(replica.bits);
    page.isBehind = false;
    const board = this.#options.board.name;
    return { board, page: page.number, kind: "snapshot", changes, position: replica.position };
  }

  #add(changes: { cell: number; value: boolean }[], cell: number, value: boolean): void {
    const { start, end } = this.#range;
    if (cell >= start && cell < end) changes.push({ cell, value });
  }

  async #report(change: BoardChange): Promise<void> {
    const { clock, failed } = this.#options;
    try {
      const returned = this.#listener(change);
      if (!isThenable(returned)) return;
      this.#expectNoMore = clock.after(LISTENER_MS_MAX, () =>
        failed("onChange", new Error(`a listener of ${change.board} has not returned for ${LISTENER_MS_MAX} ms`)),
      );
      await returned;
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
