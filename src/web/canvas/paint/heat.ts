/* Draws how active pages are: a spot on a small page, a frame around a larger one. */

import type { Point } from "../../../board/plane.js";
import type { ActivePage } from "../held/activity.js";
import type { Context } from "./context.js";

/** The smallest page and the largest spot, and the width of a frame, in CSS pixels. */
const SIDE_MIN = 3;
const SPOT_MAX = 8;
const FRAME = 3;

/** `middleOf` gives the middle of a page, and `pageSide` is its side, in device pixels. */
export function paintHeat(
  context: Context,
  active: Iterable<ActivePage>,
  middleOf: (page: number) => Point,
  pageSide: number,
  color: string,
  density: number,
): void {
  const side = Math.max(pageSide, SIDE_MIN * density);
  const line = side > SPOT_MAX * density ? FRAME * density : side / 2;
  context.strokeStyle = color;
  context.lineWidth = line;
  for (const { page, heat } of active) {
    const { x, y } = middleOf(page);
    context.globalAlpha = alphaOf(heat);
    context.strokeRect(x - side / 2 + line / 2, y - side / 2 + line / 2, side - line, side - line);
  }
  context.globalAlpha = 1;
}

/** From barely visible to nearly opaque, by orders of magnitude. */
function alphaOf(heat: number): number {
  return heat < 1 ? heat * 0.5 : Math.min(0.95, 0.5 + Math.log2(heat) / 12);
}
