/*
 * The pages of a board. A page is the unit of versioning, subscription and placement. Its 65,536
 * cells are 8 KiB of bits. That is small enough to send whole to a client that fell behind. It is
 * large enough that a screen of cells touches only a few pages.
 */

export const PAGE_CELLS = 65_536;

/** The largest board. Its page numbers fit 16 bits, and cell numbers are exact in a double. */
export const BOARD_CELLS_MAX = 2 ** 32;

/** One page of one board. */
export interface PageRef {
  readonly board: string;
  readonly page: number;
}

export function pageOf(cell: number): number {
  return Math.floor(cell / PAGE_CELLS);
}

export function offsetOf(cell: number): number {
  return cell % PAGE_CELLS;
}

export function cellAt(page: number, offset: number): number {
  return page * PAGE_CELLS + offset;
}

export function pageCount(size: number): number {
  return Math.ceil(size / PAGE_CELLS);
}

/** The pages that hold cells `start` … `end - 1`, ascending. */
export function pagesBetween(start: number, end: number): number[] {
  const first = pageOf(start);
  return Array.from({ length: Math.max(0, pageCount(end) - first) }, (_, index) => first + index);
}

/** PAGE_CELLS, fewer on the last page, 0 past the end of the board. */
export function cellsInPage(size: number, page: number): number {
  return Math.max(0, Math.min(PAGE_CELLS, size - page * PAGE_CELLS));
}

/** The name of a page in keys, rooms and logs, as in `main:0`. */
export function pageName(ref: PageRef): string {
  return `${ref.board}:${ref.page}`;
}
