/*
 * Draws the user's own cells of a board with claims, over the others. Where boxes are drawn, they
 * have a check and the others a cross. Smaller ones have a ring, so that they stand out even
 * without colour, and keep a size that can be seen.
 */

import { type Plane, placeOf } from "../../../board/plane.js";
import type { Screen } from "../view/screen.js";
import { type BoxStyle, paintBox, prepareBoxes } from "./box.js";
import type { Context } from "./context.js";
import type { Palette } from "./palette.js";

/** The most cells drawn in a frame. */
const OWN_CELLS_MAX = 20_000;
/** The smallest cell with its ring, in CSS pixels. */
const RINGED_PX_MIN = 9;

/** `boxes` is how boxes look; undefined if cells are too small for boxes. */
export function paintOwn(
  context: Context,
  screen: Screen,
  plane: Plane,
  palette: Palette,
  cells: Iterable<number>,
  boxes: BoxStyle | undefined,
): void {
  const { left, top, right, bottom } = screen.area;
  let drawn = 0;
  for (const cell of cells) {
    const { x, y } = placeOf(plane, cell);
    if (x < left - 1 || y < top - 1 || x > right || y > bottom) continue;
    if (++drawn > OWN_CELLS_MAX) return;
    if (boxes && drawn === 1) prepareBoxes(context, boxes);
    if (boxes) paintBox(context, boxes, screen.left(x), screen.top(y), cell, "own");
    else paintRinged(context, screen, palette, x, y);
  }
}

function paintRinged(context: Context, screen: Screen, palette: Palette, x: number, y: number): void {
  const [left, top] = [screen.left(x), screen.top(y)];
  const cellPx = screen.left(x + 1) - left;
  const side = Math.max(cellPx, Math.round(RINGED_PX_MIN * screen.density));
  const [atX, atY] = [left - Math.floor((side - cellPx) / 2), top - Math.floor((side - cellPx) / 2)];
  const thin = Math.max(1, Math.round(screen.density));
  for (const [step, color] of [palette.text, palette.ground, palette.own].entries()) {
    context.fillStyle = color;
    context.fillRect(atX + step * thin, atY + step * thin, side - 2 * step * thin, side - 2 * step * thin);
  }
}
