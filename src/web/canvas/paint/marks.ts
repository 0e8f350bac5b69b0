/* Draws over the cells: marks, pending changes, the cell pointed at, a rectangle being drawn. */

import type { Marks } from "../held/marks.js";
import { type Plane, type Point, placeOf } from "../view/plane.js";
import type { Screen } from "../view/screen.js";
import type { Context } from "./context.js";
import type { Palette } from "./palette.js";

export interface MarksScene {
  readonly plane: Plane;
  readonly palette: Palette;
  readonly marks: Marks;
  readonly pending: Iterable<number>;
  readonly hovered: number | undefined;
  readonly rectangle: readonly [Point, Point] | undefined;
  readonly nowMs: number;
  readonly isStill: boolean;
}

/** The smallest mark, in CSS pixels, however small its cell. */
const MARK_PX_MIN = 3;
const HOVER_FROM_PX = 4;

export function paintMarks(context: Context, screen: Screen, scene: MarksScene): void {
  const { plane, palette, marks, pending, hovered, rectangle, nowMs, isStill } = scene;
  const thin = Math.max(1, Math.round(screen.density * Math.min(2, screen.cellCssPx * 0.1)));
  for (const cell of pending) outline(context, screen, plane, cell, palette.waiting, thin, 0);
  for (const [cell, left] of marks.of("flash", nowMs)) {
    context.globalAlpha = isStill ? 1 : left;
    outline(context, screen, plane, cell, palette.flash, 2 * thin, 0);
  }
  context.globalAlpha = 1;
  for (const [cell] of marks.of("refused", nowMs)) outline(context, screen, plane, cell, palette.bad, 2 * thin, 0);
  for (const [cell] of marks.of("found", nowMs)) {
    outline(context, screen, plane, cell, palette.focus, 3 * thin, 3 * screen.density);
    outline(context, screen, plane, cell, palette.flash, 2 * thin, 0);
  }
  if (hovered !== undefined && screen.cellCssPx >= HOVER_FROM_PX) {
    outline(context, screen, plane, hovered, palette.accentStrong, thin, 0);
  }
  if (rectangle) paintRectangle(context, screen, rectangle, palette);
}

function outline(
  context: Context,
  screen: Screen,
  plane: Plane,
  cell: number,
  color: string,
  width: number,
  around: number,
): void {
  const { x, y } = placeOf(plane, cell);
  const { left, top, right, bottom } = screen.area;
  if (x < left - 1 || y < top - 1 || x > right || y > bottom) return;
  const side = Math.max(screen.left(x + 1) - screen.left(x), MARK_PX_MIN * screen.density);
  const [atX, atY] = [screen.left(x) - around, screen.top(y) - around];
  if (side < 4 * width) {
    context.fillStyle = color;
    context.fillRect(atX, atY, side + 2 * around, side + 2 * around);
    return;
  }
  context.strokeStyle = color;
  context.lineWidth = width;
  context.strokeRect(atX + width / 2, atY + width / 2, side + 2 * around - width, side + 2 * around - width);
}

function paintRectangle(context: Context, screen: Screen, [one, other]: readonly [Point, Point], palette: Palette) {
  const left = screen.left(Math.min(one.x, other.x));
  const top = screen.top(Math.min(one.y, other.y));
  const width = screen.left(Math.max(one.x, other.x) + 1) - left;
  const height = screen.top(Math.max(one.y, other.y) + 1) - top;
  context.globalAlpha = 0.25;
  context.fillStyle = palette.focus;
  context.fillRect(left, top, width, height);
  context.globalAlpha = 1;
  context.strokeStyle = palette.focus;
  context.lineWidth = 2 * screen.density;
  context.strokeRect(left, top, width, height);
}
