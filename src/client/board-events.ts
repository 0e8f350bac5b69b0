/* The values and events of a board, in the user's terms. */

import type { ErrorCode } from "../protocol/errors.js";
import type { OpenResult } from "../protocol/events.js";

export type Right = OpenResult["right"];

/** Cells `start` … `end - 1`. */
export interface CellRange {
  readonly start: number;
  readonly end: number;
}

export interface Watch {
  /** Resolves when every cell of the range can be read for the first time. */
  readonly ready: Promise<void>;
  stop(): void;
}

/** A cell that shows another value than before. */
export interface CellChange {
  readonly cell: number;
  readonly value: boolean;
  /** Set by this client, or put back because it was refused. */
  readonly mine: boolean;
}

export interface RefusedChange {
  readonly cell: number;
  /** What was wished for. */
  readonly value: boolean;
  readonly code: ErrorCode;
  readonly message: string;
}

/**
 * connecting  no connection yet, or a new one is being made
 * joining     connected; watched pages are on their way
 * live        every watched page is up to date
 * closed      for good
 */
export type BoardStatus = "connecting" | "joining" | "live" | "closed";

export interface BoardEvents {
  /** Cells that show another value now. */
  change: (changes: readonly CellChange[]) => void;
  status: (status: BoardStatus) => void;
  /** What this client may do has changed: see `board.right`. */
  right: (right: Right) => void;
  /** Of these watched pages something else is frozen than before: see `board.isFrozen`. */
  frozen: (pages: readonly number[]) => void;
  /** A change that will not happen; `change` has put the cell back already. */
  refused: (refused: RefusedChange) => void;
  /** Changes are held back: the server asks to go slower, or cannot be reached. They are sent by themselves later. */
  delayed: (delay: { readonly code: ErrorCode; readonly retryAfterMs: number; readonly waiting: number }) => void;
  /**
   * While the overview is watched: how many cells of these pages are checked has changed. Told at most about twice a
   * second; with no pages where only the number of people or where they look did. `isMissed` where the numbers are the first
   * since they were asked for, on a new connection for one: what changed may have changed long ago.
   */
  overview: (changedPages: readonly number[], isMissed: boolean) => void;
  /** Milliseconds from sending a write to its acknowledgement. */
  roundTrip: (ms: number) => void;
}
