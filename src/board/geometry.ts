/*
 * How the cells of a board fall into pages.
 *
 * A page is the unit of versioning, of subscription and of placement. 65,536 cells make it 8 KiB of bits: small enough
 * to send whole to a client that fell behind, large enough that a screen of cells touches one or a few.
 */

export const PAGE_CELLS = 65_536;

/** The largest board: 2^32 cells, so that a page number fits 16 bits and a cell number is exact in a double. */
export const BOARD_CELLS_MAX = 2 ** 32;

/** One page of one board. */
export interface PageRef {
  readonly board: string;
  readonly page: number;
}

/** The page that holds `cell`. */
export function pageOf(cell: number): number {
  return Math.floor(cell / PAGE_CELLS);
}

/** Where `cell` lies inside its page: 0 … PAGE_CELLS-1. */
export function offsetOf(cell: number): number {
  return cell % PAGE_CELLS;
}

/** The cell at `offset` of `page`. */
export function cellAt(page: number, offset: number): number {
  return page * PAGE_CELLS + offset;
}

/** How many pages a board of `size` cells has. */
export function pageCount(size: number): number {
  return Math.ceil(size / PAGE_CELLS);
}

/** The pages that hold cells `start` … `end - 1`, ascending. */
export function pagesBetween(start: number, end: number): number[] {
  const first = pageOf(start);
  return Array.from({ length: Math.max(0, pageCount(end) - first) }, (_, index) => first + index);
}

/** How many cells `page` of a board of `size` cells has; only the last page may have fewer than PAGE_CELLS. */
export function cellsInPage(size: number, page: number): number {
  return Math.max(0, Math.min(PAGE_CELLS, size - page * PAGE_CELLS));
}

/** `main:0`, the name of a page in keys, rooms and logs. */
export function pageName(ref: PageRef): string {
  return `${ref.board}:${ref.page}`;
}
