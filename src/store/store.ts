/*
 * The store: where pages live, and the only thing that makes history. It has one small interface
 * for each kind of caller. One suite in test/contract holds both implementations to them.
 *
 *     PageStore      bits, positions and frozen ranges of pages    writer, follower, heads
 *     PageNews       deltas as they are committed                  follower, fan-out
 *     HistoryStore   past commits, with times (history.ts)         replay
 *     OverviewStore  counts of all pages (overview.ts)             overview
 *     Roll           the instances that are running (roll.ts)      fleet
 *     StoreState     the health of the store itself                metrics, doors
 */

import type { Changes, Delta, Snapshot } from "../board/delta.js";
import type { PageRef } from "../board/geometry.js";
import type { Position } from "../board/position.js";
import type { OffsetRange } from "./frozen.js";
import type { HistoryStore } from "./history.js";
import type { Unsubscribe } from "./listeners.js";
import type { OverviewStore } from "./overview.js";
import type { Roll } from "./roll.js";

/** One session's changes to one page. Writes of the empty session are not remembered. */
export interface Write {
  readonly session: string;
  /** Positive; unique in its session. */
  readonly seq: number;
  readonly changes: Changes;
}

export interface Batch {
  /** The tag of the position that this batch makes, see `newTag`. */
  readonly tag: string;
  readonly writes: readonly Write[];
  /** Takes effect on frozen cells too: for admins. */
  readonly overridesFreeze?: boolean;
}

/**
 * taken      first time seen; its changes are in the page
 * duplicate  taken before; nothing was done
 * frozen     contains a frozen cell; nothing was done, and it may be taken later
 * stale      more than SEQ_WINDOW below its session's highest number, so it cannot be judged;
 *            nothing was done
 */
export type WriteOutcome = "taken" | "duplicate" | "frozen" | "stale";

export interface Committed {
  /** The page's position after the batch, with all its writes that were ever taken. */
  readonly position: Position;
  /** One for each write, in order. */
  readonly outcomes: readonly WriteOutcome[];
  /** The page's frozen ranges, if a write was refused for them. */
  readonly frozen?: readonly OffsetRange[];
  /** Checked cells of the page there. */
  readonly checked: number;
}

export interface Replaced {
  readonly position: Position;
  /** Checked cells of the page there. */
  readonly checked: number;
  /** False if the page had these bits already; then nothing was done. */
  readonly isReplaced: boolean;
}

export type Since = { readonly kind: "deltas"; readonly deltas: readonly Delta[] } | Snapshot;

/** A page without its bits. */
export interface PageHead {
  readonly position: Position;
  readonly checked: number;
  /** Ascending. Undefined if what is stored is not valid. */
  readonly frozen: readonly OffsetRange[] | undefined;
}

/** Must not throw. */
export type HeadHeard = (index: number, head: PageHead | undefined) => void;

export interface PageStore {
  /**
   * Commits all of a batch or nothing, one batch after another per page. Drops writes that were
   * taken before and sets the bits. If any cell changed, moves the page to a new position, logs the
   * delta and publishes it. Resolves when all this is as safe as the page's board asks
   * (durability.ts).
   */
  commit(page: PageRef, batch: Batch): Promise<Committed>;
  /**
   * Sets all bits, at a new position with `tag` to which no delta leads: every follower takes a
   * snapshot. Meant for restoring: writes made since the bits were taken are lost.
   */
  replace(page: PageRef, tag: string, bits: Uint8Array): Promise<Replaced>;
  /** Freezes or thaws a part of a page. False if it would have too many ranges. */
  freeze(page: PageRef, range: OffsetRange, isFrozen: boolean): Promise<boolean>;
  /** The frozen ranges of a page, ascending. Undefined if they are not valid, whatever else is. */
  frozen(page: PageRef): Promise<readonly OffsetRange[] | undefined>;
  /** Bits and position of one moment. */
  read(page: PageRef): Promise<Snapshot>;
  /** The changes after a position: deltas while they are few (logged.ts), otherwise a snapshot. */
  since(page: PageRef, position: Position): Promise<Since>;
  /**
   * The heads of many pages in one round trip: the cheap check behind self-healing. Undefined for a
   * damaged page, and for a page whose part of the store does not answer soon. A store of several
   * parts calls `heard` with each answer as it arrives, by the page's index in `pages`.
   */
  heads(pages: readonly PageRef[], heard?: HeadHeard): Promise<(PageHead | undefined)[]>;
}

export interface SubscriptionListener {
  delta(delta: Delta): void;
  /** The channel was interrupted and is live again: some deltas may be lost. */
  resumed(): void;
}

/** Delivers each delta at most once, and perhaps not at all: a subscriber checks positions. */
export interface PageNews {
  /** Resolves when the subscription is live: every delta committed from then on is on its way. */
  subscribe(page: PageRef, listener: SubscriptionListener): Promise<Unsubscribe>;
  /** Reopens the channels of these pages, which look alive and deliver nothing. */
  restartSubscriptions(pages: readonly PageRef[]): void;
  /**
   * News need not be delivered for `ms`, or until `wake`. It may then arrive all at once, which
   * costs less than waking up for each message. Each call starts the time again. Only a hint: a
   * busy channel is read at once.
   */
  doze(ms: number): void;
  /** Ends a doze. Calls `heard` when the news that arrived meanwhile has been delivered. */
  wake(heard: () => void): void;
}

interface StoreState {
  /** `valkey` or `embedded`. */
  readonly engine: string;
  /** False while the store does not answer. */
  readonly available: boolean;
  /**
   * Requests and connection attempts that failed for external reasons since the process started.
   */
  readonly failures: number;
  /** A setting by which the store may lose data, for people. */
  readonly warning?: string | undefined;
  onAvailable(listener: (available: boolean) => void): Unsubscribe;
}

export interface Store extends PageStore, PageNews, HistoryStore, Roll, StoreState {
  readonly overview: OverviewStore;
  close(): Promise<void>;
}

/** The store cannot be reached or refuses to work. Every method may reject with it. */
export class StoreAway extends Error {
  /** Whether the request may have reached the store. If not, it certainly had no effect. */
  readonly sent: boolean;

  constructor(reason: string, options: { sent: boolean; cause?: unknown }) {
    super(reason, { cause: options.cause });
    this.name = "StoreAway";
    this.sent = options.sent;
  }
}

/** The batch was applied, but is not yet as safe as its board asks. It can be sent again. */
export class Unconfirmed extends StoreAway {
  constructor(reason: string) {
    super(reason, { sent: true });
    this.name = "Unconfirmed";
  }
}

/** The store cannot be opened at all; the message is for the person at the terminal. */
export class StoreUnusable extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "StoreUnusable";
  }
}

export interface StoreLimits {
  /** Deltas that a page's log keeps. */
  readonly logDeltasMax: number;
  /** A page's log may go after this long without a change. */
  readonly logMs: number;
  /** How long a session's sequence numbers are remembered at least. */
  readonly seenMs: number;
  /** Sessions remembered for a page before the older half is dropped early. */
  readonly seenSessionsMax: number;
}

export const STORE_LIMITS: StoreLimits = {
  logDeltasMax: 2_048,
  logMs: 600_000,
  seenMs: 600_000,
  seenSessionsMax: 50_000,
};

/** Changes in one batch: bounds how long one script run blocks the store. */
export const BATCH_CHANGES_MAX = 4_096;

/** Writes in one batch: the script passes them through Lua's stack, which is bounded. */
export const BATCH_WRITES_MAX = 1_000;
