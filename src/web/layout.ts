/*
 * The grid of a small board. Its columns depend only on the board's size, so that a drawing looks
 * the same on every screen. Pure.
 */

import type { KeyGrid } from "./keys.js";

/** The most cells shown as real inputs. More would make browsers slow. */
export const GRID_CELLS_MAX = 10_000;
const COLUMNS_MAX = 100;

export function columnsOf(size: number): number {
  return Math.max(1, Math.min(COLUMNS_MAX, Math.ceil(Math.sqrt(size))));
}

export function gridOf(size: number, columns: number, pageRows: number): KeyGrid {
  const at = (index: number) => (index < size ? index : undefined);
  return {
    size,
    rows: Math.ceil(size / columns),
    pageRows,
    placeOf: (cell) => ({ x: cell % columns, y: Math.floor(cell / columns) }),
    cellAt: ({ x, y }) => (x < 0 || x >= columns || y < 0 ? undefined : at(y * columns + x)),
    lastInRow: (y) => Math.min(size, (y + 1) * columns) - 1,
  };
}
