/* A board that a client has open, and the keys of its pages among the client's watches. */

import { BOARD_CELLS_MAX, cellsInPage } from "../../board/geometry.js";
import { Refusal } from "../../protocol/errors.js";
import type { WriteRequest } from "../../protocol/events.js";
import type { HostedBoard } from "../pages/pages.js";

export interface OpenBoard {
  readonly board: HostedBoard;
  /** The session that this client writes under, once it is known. */
  session: string | undefined;
  /** Whether the client takes `resized`. */
  resizes: boolean;
  /** The owner that this client is on a board with claims, once that is known. */
  owner: string | undefined;
}

export function refuseOutside(board: HostedBoard, changes: WriteRequest["changes"]): void {
  if (changes.every((change) => change[0] < board.size)) return;
  const cells = changes.flatMap(([cell]) => (cell >= board.size ? cell : []));
  throw new Refusal("CELL_OUT_OF_RANGE", { cells });
}

/** A number, which takes no memory of its own on the first board. */
export function pageKey(board: HostedBoard, page: number): number {
  return board.handle * BOARD_CELLS_MAX + page;
}

/** Whether a page of the board has another number of cells than when the board had `before`. */
export function isResized(key: number, board: HostedBoard, before: number): boolean {
  const page = key - pageKey(board, 0);
  return page >= 0 && page < BOARD_CELLS_MAX && cellsInPage(before, page) !== cellsInPage(board.size, page);
}
