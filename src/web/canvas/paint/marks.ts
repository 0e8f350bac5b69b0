/*
 * Draws over the cells: marks, pending changes, the cell pointed at, and a rectangle being drawn
 * with its size. The cell of a link stands out at every zoom level, so its mark has a least size.
 */

import { type Plane, type Point, placeOf } from "../../../board/plane.js";
import { countOf, formatCount } from "../../../protocol/count.js";
import type { Marks } from "../held/marks.js";
import type { Screen } from "../view/screen.js";
import type { Context } from "./context.js";
import type { Palette } from "./palette.js";

export interface MarksScene {
  readonly plane: Plane;
  readonly palette: Palette;
  readonly marks: Marks;
  readonly pending: Iterable<number>;
  readonly hovered: number | undefined;
  /** The cell of a link. */
  readonly linked: number | undefined;
  readonly rectangle: { readonly from: Point; readonly to: Point; readonly isCut: boolean } | undefined;
  readonly nowMs: number;
  readonly isStill: boolean;
}

/** The smallest mark, in CSS pixels, however small its cell. */
const MARK_PX_MIN = 3;
const HOVER_FROM_PX = 4;
/** The least inner width of the ring around a found cell, and its lines, in CSS pixels. */
const RING_PX_MIN = 18;
const RING_LINE_PX = 3;
const LABEL_FONT_PX = 13;
const LABEL_PADDING_PX = 6;

export function paintMarks(context: Context, screen: Screen, scene: MarksScene): void {
  const { plane, palette, marks, pending, hovered, linked, rectangle, nowMs, isStill } = scene;
  const thin = Math.max(1, Math.round(screen.density * Math.min(2, screen.cellCssPx * 0.1)));
  for (const cell of pending) outline(context, screen, plane, cell, palette.waiting, thin, 0);
  for (const [cell, left] of marks.of("flash", nowMs)) {
    context.globalAlpha = isStill ? 1 : left;
    outline(context, screen, plane, cell, palette.flash, 2 * thin, 0);
  }
  context.globalAlpha = 1;
  for (const [cell] of marks.of("refused", nowMs)) outline(context, screen, plane, cell, palette.bad, 2 * thin, 0);
  if (linked !== undefined) paintRing(context, screen, plane, linked, palette);
  for (const [cell, left] of marks.of("found", nowMs)) {
    context.globalAlpha = isStill ? 1 : Math.min(1, 2 * left);
    paintRing(context, screen, plane, cell, palette);
  }
  context.globalAlpha = 1;
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

/** Two lines in different colours, so that it stands out on checked and on unchecked cells. */
function paintRing(context: Context, screen: Screen, plane: Plane, cell: number, palette: Palette): void {
  const { x, y } = placeOf(plane, cell);
  const line = RING_LINE_PX * screen.density;
  const cellPx = screen.left(x + 1) - screen.left(x);
  const side = Math.max(cellPx, RING_PX_MIN * screen.density);
  const [left, top] = [screen.left(x) + (cellPx - side) / 2, screen.top(y) + (cellPx - side) / 2];
  context.lineWidth = line;
  for (const [color, out] of [
    [palette.flash, line / 2],
    [palette.focus, line * 1.5],
  ] as const) {
    context.strokeStyle = color;
    context.strokeRect(left - out, top - out, side + 2 * out, side + 2 * out);
  }
}

function paintRectangle(
  context: Context,
  screen: Screen,
  { from, to, isCut }: NonNullable<MarksScene["rectangle"]>,
  palette: Palette,
): void {
  const [columns, rows] = [Math.abs(to.x - from.x) + 1, Math.abs(to.y - from.y) + 1];
  const left = screen.left(Math.min(from.x, to.x));
  const top = screen.top(Math.min(from.y, to.y));
  const width = screen.left(Math.max(from.x, to.x) + 1) - left;
  const height = screen.top(Math.max(from.y, to.y) + 1) - top;
  context.globalAlpha = 0.25;
  context.fillStyle = palette.focus;
  context.fillRect(left, top, width, height);
  context.globalAlpha = 1;
  context.strokeStyle = palette.focus;
  context.lineWidth = 2 * screen.density;
  context.strokeRect(left, top, width, height);
  const size = `${formatCount(columns)} × ${formatCount(rows)} = ${countOf(columns * rows, "box", "boxes")}`;
  paintLabel(context, screen, isCut ? `${size}, the most at once` : size, { x: left + width / 2, y: top }, palette);
}

/** Above the place if there is room, otherwise below it, and always in view. */
function paintLabel(context: Context, screen: Screen, text: string, { x, y }: Point, palette: Palette): void {
  const { density } = screen;
  context.font = `600 ${LABEL_FONT_PX * density}px system-ui, sans-serif`;
  const padding = LABEL_PADDING_PX * density;
  const width = context.measureText(text).width + 2 * padding;
  const height = (LABEL_FONT_PX + 2 * LABEL_PADDING_PX) * density;
  const left = Math.max(padding, Math.min(screen.width - width - padding, x - width / 2));
  const top = Math.max(padding, Math.min(screen.height - height - padding, y - height - padding));
  context.fillStyle = palette.text;
  context.fillRect(left, top, width, height);
  context.fillStyle = palette.ground;
  context.textAlign = "left";
  context.textBaseline = "middle";
  context.fillText(text, left + padding, top + height / 2);
}
