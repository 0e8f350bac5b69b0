/*
 * The records of all boards: one for each board, which every instance follows. They make a board
 * exist, and say how large it is. Pages know neither.
 *
 * News of a change is delivered at most once. So an instance also reads all records from time to
 * time.
 */

import { BOARD_CELLS_MAX } from "../board/geometry.js";
import type { Unsubscribe } from "./listeners.js";

export interface BoardRecord {
  /** Number of cells. */
  readonly size: number;
  /** The rule of the board's claims (see `formatRule`). Absent: the board has none. */
  readonly claims?: string;
}

export interface BoardRecords {
  /**
   * All boards by name. Undefined if no record was ever written, as in a new store, or if all were
   * lost.
   */
  list(): Promise<ReadonlyMap<string, BoardRecord> | undefined>;
  /**
   * Replaces the record `before` by `after`; undefined stands for no record. False if the stored
   * record is another one. Then nothing is done.
   */
  change(name: string, before: BoardRecord | undefined, after: BoardRecord | undefined): Promise<boolean>;
  /**
   * Calls `changed` when a record has changed, or may have. Resolves when the subscription is live.
   */
  subscribe(changed: () => void): Promise<Unsubscribe>;
}

/** Most boards that may be added at run time. Bounds what instances read again and again. */
export const BOARDS_MAX = 1_000;

const NAME = /^[A-Za-z0-9_-]{1,64}$/;

export function isBoardName(name: string): boolean {
  return NAME.test(name);
}

export function isBoardSize(size: number): boolean {
  return Number.isSafeInteger(size) && size >= 1 && size <= BOARD_CELLS_MAX;
}

/** `240`, or `240 hold:300000` with claims. Equal records have equal texts. */
export function formatBoardRecord({ size, claims }: BoardRecord): string {
  return claims === undefined ? String(size) : `${size} ${claims}`;
}

/** Undefined if the text is no record. */
export function parseBoardRecord(text: string): BoardRecord | undefined {
  const [, digits, claims] = /^([1-9]\d{0,9})(?: (.{1,1000}))?$/.exec(text) ?? [];
  const size = Number(digits);
  if (!isBoardSize(size)) return undefined;
  return claims === undefined ? { size } : { size, claims };
}
