/*
 * The store: where pages live, and the only thing that makes history. Two implementations keep this contract, and one
 * suite in test/contract holds both to it.
 *
 *     commit     all or nothing, one after another per page: drops the writes that were taken before, sets the bits,
 *                and, if any cell changed, moves the page to a new position, logs the delta and publishes it; resolves
 *                when all that is as safe as the page's board asks (durability.ts)
 *     replace    sets the bits whole, at a new position to which no delta leads: all who follow take a snapshot
 *     read       bits and position of one moment
 *     since      what came after a position: deltas while they are few (logged.ts), else a snapshot
 *     subscribe  deltas as they are committed, at most once each and perhaps not at all: a subscriber checks positions
 *     doze, wake let them come together, a moment later
 *     history    what was committed in a time, where that is recorded (history.ts)
 *     positions  where pages stand now: the cheap check behind self-healing
 *     overview   how many cells of each page are checked (overview.ts)
 *     announce   which instances there are, and what they say of themselves
 */

import type { Changes, Delta, Snapshot } from "../board/delta.js";
import type { PageRef } from "../board/geometry.js";
import type { Position } from "../board/position.js";
import type { Freezing, OffsetRange } from "./frozen.js";
import type { HistoryRange, PageHistory } from "./history.js";
import type { Unsubscribe } from "./listeners.js";
import type { OverviewStore } from "./overview.js";

/** One session's changes to one page. An empty session means that nobody will send it again: it is not remembered. */
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
 * duplicate  was taken before; nothing done
 * frozen     it has a cell that is frozen (frozen.ts); nothing done, and not remembered: it may be taken later
 * stale      more than SEQ_WINDOW below its session's highest: cannot be told apart any more; nothing done
 */
export type WriteOutcome = "taken" | "duplicate" | "frozen" | "stale";

export interface Committed {
  /** Where the page stands after the batch: every write of it that was taken, now or before, is in. */
  readonly position: Position;
  /** One for each write, in order. */
  readonly outcomes: readonly WriteOutcome[];
  /** What of the page is frozen, if a write was refused for it. */
  readonly frozen?: readonly OffsetRange[];
  /** Checked cells of the page there. */
  readonly checked: number;
}

export interface Replaced {
  readonly position: Position;
  /** Checked cells of the page there. */
  readonly checked: number;
  /** False if the page had these bits already: then nothing was done. */
  readonly isReplaced: boolean;
}

export type Since = { readonly kind: "deltas"; readonly deltas: readonly Delta[] } | Snapshot;

export interface SubscriptionListener {
  delta(delta: Delta): void;
  /** The channel was interrupted and is live again: what came meanwhile is lost and must be asked for. */
  resumed(): void;
}

export interface Store {
  /** `valkey` or `embedded`. */
  readonly engine: string;
  /** False while the store does not answer. */
  readonly available: boolean;
  /** Requests and attempts to connect that failed for the world's fault, since the start. */
  readonly failures: number;
  /** How the store is set up so that it may lose data, for people; undefined if it is not, or that is not known. */
  readonly warning?: string | undefined;
  commit(page: PageRef, batch: Batch): Promise<Committed>;
  /** `tag` is that of the position that this makes. For restoring: what was written since the bits were taken is lost. */
  replace(page: PageRef, tag: string, bits: Uint8Array): Promise<Replaced>;
  read(page: PageRef): Promise<Snapshot>;
  since(page: PageRef, position: Position): Promise<Since>;
  /** Resolves when the subscription is live: every delta committed from then on is on its way. */
  subscribe(page: PageRef, listener: SubscriptionListener): Promise<Unsubscribe>;
  /** Undefined where no history is kept. */
  history(page: PageRef, range: HistoryRange): Promise<PageHistory | undefined>;
  /** Undefined for a page whose part of the store does not answer soon: the other parts are not kept waiting. */
  positions(pages: readonly PageRef[]): Promise<(Position | undefined)[]>;
  readonly overview: OverviewStore;
  /**
   * Says that the instance is there, for ANNOUNCED_MS, and gives the texts of all that are. With an empty text it is there
   * no more.
   */
  announce(instance: string, text: string): Promise<readonly string[]>;
  /** Opens the channels of these pages anew: they were found deaf, alive to all appearance but silent. */
  restartSubscriptions(pages: readonly PageRef[]): void;
  /**
   * Nothing that is published need be heard for `ms`, or until `wake`. It may then come together, which costs less than to
   * be woken by each message. Each call counts anew. A hint: where much is published, it is heard at once all the same.
   */
  doze(ms: number): void;
  /** Ends a doze, and calls `heard` when what came meanwhile was told, as far as it has arrived. */
  wake(heard: () => void): void;
  onAvailable(listener: (available: boolean) => void): Unsubscribe;
  close(): Promise<void>;
}

export function canFreeze(store: Store): store is Store & Freezing {
  return "freeze" in store && "frozen" in store;
}

/** The world's fault: the store cannot be reached or refuses to work. Every method may reject with it. */
export class StoreAway extends Error {
  /** Whether the request may have reached the store: if not, it had no effect for sure. */
  readonly sent: boolean;

  constructor(reason: string, options: { sent: boolean; cause?: unknown }) {
    super(reason, { cause: options.cause });
    this.name = "StoreAway";
    this.sent = options.sent;
  }
}

/** The batch was applied, but not as safely as its board asks within the time for it. Sending it again is safe. */
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
  /** Deltas a page's log keeps. */
  readonly logDeltasMax: number;
  /** After this long without a change, a page's log may go. */
  readonly logMs: number;
  /** How long, at least, a session's sequence numbers are remembered. */
  readonly seenMs: number;
  /** Sessions remembered for a page before the older half is let go early. */
  readonly seenSessionsMax: number;
}

export const STORE_LIMITS: StoreLimits = {
  logDeltasMax: 2_048,
  logMs: 600_000,
  seenMs: 600_000,
  seenSessionsMax: 50_000,
};

/** How long an instance counts as being there after it said so. */
export const ANNOUNCED_MS = 6_000;

/** Changes in one batch: bounds the time that one script run holds the store. */
export const BATCH_CHANGES_MAX = 4_096;

/** Writes in one batch: the script passes them through Lua's stack, which is bounded. */
export const BATCH_WRITES_MAX = 1_000;
