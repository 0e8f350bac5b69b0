/*
 * Draws frozen ranges over the cells: tinted and hatched, so that they stand out even without
 * colour. A range runs row by row through its page, so it is at most three rectangles:
 *
 *         ┌───────       the rest of the first row
 *     ────┘──────────
 *                        whole rows
 *     ──────┐────────
 *     ──────┘            the beginning of the last
 */

import { offsetOf, pageOf } from "../../../board/geometry.js";
import { PAGE_SIDE, type Plane, placeOfPage } from "../../../board/plane.js";
import type { CellRange } from "../../../client/index.js";
import type { Screen } from "../view/screen.js";
import { type Context, contextOf } from "./context.js";
import type { Palette } from "./palette.js";

const HATCH_PX = 8;
const TINT = 0.2;

let held: { readonly color: string; readonly density: number; readonly pattern: CanvasPattern | null } | undefined;

export function paintFrozen(
  context: Context,
  screen: Screen,
  plane: Plane,
  palette: Palette,
  ranges: readonly CellRange[],
): void {
  if (ranges.length === 0) return;
  const hatch = hatchFor(context, screen, palette.frozen);
  // The hatching moves with the board.
  hatch?.setTransform(new DOMMatrix([1, 0, 0, 1, screen.left(0), screen.top(0)]));
  for (const range of ranges) {
    for (const { x, y, columns, rows } of rectanglesOf(plane, range)) {
      const [left, top] = [screen.left(x), screen.top(y)];
      const [width, height] = [screen.left(x + columns) - left, screen.top(y + rows) - top];
      context.globalAlpha = TINT;
      context.fillStyle = palette.frozen;
      context.fillRect(left, top, width, height);
      context.globalAlpha = 1;
      if (!hatch) continue;
      context.fillStyle = hatch;
      context.fillRect(left, top, width, height);
    }
  }
}

export function rectanglesOf({ across }: Plane, { start, end }: CellRange) {
  const page = placeOfPage(pageOf(start));
  const [first, last] = [offsetOf(start), offsetOf(end - 1)];
  const [top, bottom] = [Math.floor(first / across), Math.floor(last / across)];
  const [from, to] = [first % across, last % across];
  const at = (x: number, y: number, columns: number, rows: number) => ({
    x: page.x * PAGE_SIDE + x,
    y: page.y * PAGE_SIDE + y,
    columns,
    rows,
  });
  if (top === bottom) return [at(from, top, to - from + 1, 1)];
  const wholeFrom = from === 0 ? top : top + 1;
  const wholeTo = to === across - 1 ? bottom : bottom - 1;
  return [
    ...(from === 0 ? [] : [at(from, top, across - from, 1)]),
    ...(wholeTo < wholeFrom ? [] : [at(0, wholeFrom, across, wholeTo - wholeFrom + 1)]),
    ...(to === across - 1 ? [] : [at(0, bottom, to + 1, 1)]),
  ];
}

function hatchFor(context: Context, { density }: Screen, color: string): CanvasPattern | null {
  if (held?.color === color && held.density === density) return held.pattern;
  const side = Math.round(HATCH_PX * density);
  const tile = new OffscreenCanvas(side, side);
  const pen = contextOf(tile);
  pen.strokeStyle = color;
  pen.lineWidth = Math.max(1, density);
  pen.beginPath();
  // The corners too, so that lines continue from tile to tile.
  for (const shift of [-side, 0, side]) {
    pen.moveTo(shift - 1, side + 1);
    pen.lineTo(shift + side + 1, -1);
  }
  pen.stroke();
  held = { color, density, pattern: context.createPattern(tile, "repeat") };
  return held.pattern;
}
