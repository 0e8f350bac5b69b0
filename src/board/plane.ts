/*
 * Where the cells of a board lie: on a plane of pages, each a square of 256 × 256 cells. A board of
 * up to 10,000 cells is a square of its own, since most of a page would be empty. Pages form shells
 * around the first one, so every board is about square, and a page's place does not depend on the
 * board's size:
 *
 *     0 1 4 9        page n is in shell k = ⌊√n⌋: down its right side, then along its bottom
 *     2 3 5 10
 *     6 7 8 11       a board that grows adds to the outside; drawings keep their shape
 *
 * Pure. `x` and `y` count cells from the upper left corner.
 */

import { cellAt as cellOnPage, cellsInPage, offsetOf, PAGE_CELLS, pageCount, pageOf } from "./geometry.js";

export const PAGE_SIDE = Math.sqrt(PAGE_CELLS);
const SQUARE_CELLS_MAX = 10_000;

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Plane {
  readonly size: number;
  readonly pages: number;
  readonly pageColumns: number;
  readonly pageRows: number;
  /** Cells in a row of a page. */
  readonly across: number;
  /** Cells across and down, including holes in the last shell and the last page. */
  readonly columns: number;
  readonly rows: number;
}

export function planeOf(size: number): Plane {
  const pages = pageCount(size);
  const last = pages - 1;
  const shell = Math.floor(Math.sqrt(last));
  const pageColumns = shell + 1;
  const pageRows = Math.max(1, last - shell * shell < shell ? shell : shell + 1);
  const across = size <= SQUARE_CELLS_MAX ? Math.ceil(Math.sqrt(size)) : PAGE_SIDE;
  const columns = pages === 1 ? across : pageColumns * PAGE_SIDE;
  // The rows of a single page end with its last cell.
  const rows = pages === 1 ? Math.ceil(size / across) : pageRows * PAGE_SIDE;
  return { size, pages, pageColumns, pageRows, across, columns, rows };
}

export function placeOfPage(page: number): Point {
  const shell = Math.floor(Math.sqrt(page));
  const along = page - shell * shell;
  return along < shell ? { x: shell, y: along } : { x: along - shell, y: shell };
}

export function pageAt(plane: Plane, column: number, row: number): number | undefined {
  if (column < 0 || row < 0) return undefined;
  const shell = Math.max(column, row);
  const page = shell * shell + (row < shell ? row : shell + column);
  return page < plane.pages ? page : undefined;
}

export function placeOf({ across }: Plane, cell: number): Point {
  const page = placeOfPage(pageOf(cell));
  const offset = offsetOf(cell);
  return {
    x: page.x * PAGE_SIDE + (offset % across),
    y: page.y * PAGE_SIDE + Math.floor(offset / across),
  };
}

export function cellAt(plane: Plane, { x, y }: Point): number | undefined {
  const page = pageAt(plane, Math.floor(x / PAGE_SIDE), Math.floor(y / PAGE_SIDE));
  const column = Math.floor(x) % PAGE_SIDE;
  if (page === undefined || column >= plane.across) return undefined;
  const offset = (Math.floor(y) % PAGE_SIDE) * plane.across + column;
  return offset < cellsInPage(plane.size, page) ? cellOnPage(page, offset) : undefined;
}

export function lastInRow(plane: Plane, y: number): number | undefined {
  for (let column = plane.pageColumns - 1; column >= 0; column--) {
    const page = pageAt(plane, column, Math.floor(y / PAGE_SIDE));
    if (page === undefined) continue;
    const first = (y % PAGE_SIDE) * plane.across;
    const cells = Math.min(plane.across, cellsInPage(plane.size, page) - first);
    if (cells > 0) return cellOnPage(page, first + cells - 1);
  }
  return undefined;
}
