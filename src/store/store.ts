/*
 * The store: where pages live, and the only part that changes them. It has one small interface for
 * each kind of caller. One suite in test/contract checks both implementations.
 *
 *     PageStore      bits, positions and frozen ranges of pages    writer, follower, heads
 *     PageNews       deltas as they are committed                  follower, fan-out
 *     ClaimStore     who has which cells, and until when           mine, the app, sweep
 *     HistoryStore   past commits, with times (history.ts)         replay
 *     OverviewStore  counts of all pages (overview.ts)             overview
 *     BoardRecords   the boards, with their sizes (boards.ts)      board-keeper
 *     Roll           the instances that are running (roll.ts)      fleet
 *     StoreState     the health of the store itself                metrics, doors
 */

import type { Changes, Delta, Snapshot } from "../board/delta.js";
import type { PageRef } from "../board/geometry.js";
import type { Position } from "../board/position.js";
import type { BoardRecords } from "./boards.js";
import type { Claim, ClaimAct, ClaimRule } from "./claims.js";
import type { OffsetRange } from "./frozen.js";
import type { HistoryStore } from "./history.js";
import type { Unsubscribe } from "./listeners.js";
import type { OverviewStore } from "./overview.js";
import type { Roll } from "./roll.js";

/** One session's changes to one page. Writes with an empty session are not remembered. */
export interface Write {
  readonly session: string;
  /** Positive, and unique in its session. */
  readonly seq: number;
  readonly changes: Changes;
  /** On a board with claims, who writes (see `ownerName`). Undefined overrides all claims. */
  readonly owner?: string | undefined;
  /** Acts on the claims of these cells, instead of checking and unchecking them. */
  readonly act?: ClaimAct | undefined;
}

export interface Batch {
  /** The tag of the position that this batch creates (see `newTag`). */
  readonly tag: string;
  readonly writes: readonly Write[];
  /** Whether frozen cells are changed too, for admins. */
  readonly overridesFreeze?: boolean;
}

/**
 * accepted   first time seen; its changes are in the page
 * duplicate  accepted before; nothing was done
 * frozen     contains a frozen cell; nothing was done, and it may be accepted later
 * claimed    contains a cell that belongs to somebody else; nothing was done, and never will be
 * stale      more than SEQ_WINDOW below its session's highest number, so it cannot be judged;
 *            nothing was done
 */
export type WriteOutcome = "accepted" | "duplicate" | "frozen" | "claimed" | "stale";

export interface Committed {
  /** A position of the page that includes every accepted write of the batch. */
  readonly position: Position;
  /** One outcome per write, in order. */
  readonly outcomes: readonly WriteOutcome[];
  /** The page's frozen ranges, if any write was refused because of them. */
  readonly frozen?: readonly OffsetRange[];
  /** For each write with the outcome `claimed`, in order: the offsets that belong to others. */
  readonly claimed?: readonly (readonly number[])[];
  /** Number of checked cells of the page at `position`. */
  readonly checked: number;
  /** The clock of the store's server at the commit, in ms, if the store has a server. */
  readonly storeMs?: number;
}

export interface Replaced {
  readonly position: Position;
  /** Number of checked cells of the page at `position`. */
  readonly checked: number;
  /** False if the page had these bits already, so that nothing was done. */
  readonly isReplaced: boolean;
}

export type Since = { readonly kind: "deltas"; readonly deltas: readonly Delta[] } | Snapshot;

/** A page without its bits. */
export interface PageHead {
  readonly position: Position;
  readonly checked: number;
  /** Ascending. Undefined if the stored ranges are invalid. */
  readonly frozen: readonly OffsetRange[] | undefined;
}

/** Must not throw. */
export type HeadHeard = (index: number, head: PageHead | undefined) => void;

export interface PageStore {
  /**
   * Commits a whole batch or nothing. Batches of one page are committed one after another. Drops
   * writes that were accepted before, and sets the bits of the others. If any cell changed, moves
   * the page to a new position, logs the delta and publishes it. Resolves when all this is as safe
   * as the board requires (durability.ts).
   */
  commit(page: PageRef, batch: Batch): Promise<Committed>;
  /**
   * Sets all bits, at a new position with `tag`. No delta leads to it, so every follower takes a
   * snapshot. Meant for restores: writes made since the bits were saved are lost.
   */
  replace(page: PageRef, tag: string, bits: Uint8Array): Promise<Replaced>;
  /** Freezes or thaws a part of a page. False if the page would have too many ranges. */
  freeze(page: PageRef, range: OffsetRange, isFrozen: boolean): Promise<boolean>;
  /** The frozen ranges of a page, ascending. Undefined if they are not valid, whatever else is. */
  frozen(page: PageRef): Promise<readonly OffsetRange[] | undefined>;
  /** Bits and position of one moment. */
  read(page: PageRef): Promise<Snapshot>;
  /** The changes after a position: deltas if they are few (logged.ts), otherwise a snapshot. */
  since(page: PageRef, position: Position): Promise<Since>;
  /**
   * The heads of many pages in one round trip: the cheap check behind self-healing. Undefined for a
   * damaged page, and for a page whose part of the store does not answer soon. A store of several
   * parts calls `heard` with each answer as it arrives, by the page's index in `pages`.
   */
  heads(pages: readonly PageRef[], heard?: HeadHeard): Promise<(PageHead | undefined)[]>;
}

/** The claims of a page at a position. */
export interface PageClaims {
  readonly position: Position;
  readonly claims: readonly Claim[];
}

/** Cells whose holds had ended were unchecked. Must not throw. */
export type Released = (page: PageRef, offsets: readonly number[], committed: Committed) => void;

interface ClaimStore {
  /** From now on, the claims of the board are judged by this rule. */
  setRule(board: string, rule: ClaimRule | undefined): void;
  claims(page: PageRef): Promise<PageClaims>;
  /**
   * Unchecks the cells of holds that have ended, on some of the pages that may have any. Call it
   * about once a second. Resolves with whether more pages may be due.
   */
  releaseExpired(released: Released): Promise<boolean>;
}

export interface SubscriptionListener {
  /** `claims` are those that the delta's commit changed, as they are now. */
  delta(delta: Delta, claims?: readonly Claim[]): void;
  /** The channel is live again after an interruption, so some deltas may be lost. */
  resumed(): void;
}

/** Delivers each delta at most once, and perhaps not at all, so subscribers check positions. */
export interface PageNews {
  /** Resolves when the subscription is live: every delta committed from then on is sent to it. */
  subscribe(page: PageRef, listener: SubscriptionListener): Promise<Unsubscribe>;
  /** Reopens the channels of these pages, which look alive but deliver nothing. */
  restartSubscriptions(pages: readonly PageRef[]): void;
  /**
   * A hint that news need not be delivered for `ms`, or until `wake`. It may then arrive in one go,
   * which costs less than waking up for each message. Each call restarts the time. A busy channel
   * is still read immediately.
   */
  doze(ms: number): void;
  /** Ends a doze. Calls `heard` once the news that arrived meanwhile has been delivered. */
  wake(heard: () => void): void;
}

interface StoreState {
  /** `valkey` or `embedded`. */
  readonly engine: string;
  /** False while the store does not answer. */
  readonly available: boolean;
  /**
   * Requests and connection attempts that have failed for external reasons since the process
   * started.
   */
  readonly failures: number;
  /** A sentence for operators, if a setting of the store may lose data. */
  readonly warning?: string | undefined;
  onAvailable(listener: (available: boolean) => void): Unsubscribe;
}

export interface Store extends PageStore, PageNews, ClaimStore, HistoryStore, Roll, StoreState {
  readonly overview: OverviewStore;
  readonly boards: BoardRecords;
  close(): Promise<void>;
}

/** The store cannot be reached or refuses to work. Every method may reject with this. */
export class StoreAway extends Error {
  /** Whether the request may have reached the store. If false, it had no effect. */
  readonly sent: boolean;

  constructor(reason: string, options: { sent: boolean; cause?: unknown }) {
    super(reason, { cause: options.cause });
    this.name = "StoreAway";
    this.sent = options.sent;
  }
}

/** The batch was applied, but is not yet as safe as its board requires. It can be sent again. */
export class Unconfirmed extends StoreAway {
  constructor(reason: string) {
    super(reason, { sent: true });
    this.name = "Unconfirmed";
  }
}

/** The store cannot be opened. The message is for the person at the terminal. */
export class StoreUnusable extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "StoreUnusable";
  }
}

export interface StoreLimits {
  /** Number of deltas that a page's log keeps. */
  readonly logDeltasMax: number;
  /** A page's log may be dropped after this long without a change. */
  readonly logMs: number;
  /** Minimum time for which a session's sequence numbers are remembered. */
  readonly seenMs: number;
  /** Most sessions remembered for a page before the older half is dropped early. */
  readonly seenSessionsMax: number;
}

export const STORE_LIMITS: StoreLimits = {
  logDeltasMax: 2_048,
  logMs: 600_000,
  seenMs: 600_000,
  seenSessionsMax: 50_000,
};

/** Most changes in one batch. Bounds how long one script run blocks the store. */
export const BATCH_CHANGES_MAX = 4_096;

/** Most writes in one batch. The script passes them through Lua's stack, which is bounded. */
export const BATCH_WRITES_MAX = 1_000;
