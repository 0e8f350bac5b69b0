/* Draws how active a page is: as a spot if it is small, else as a frame that leaves its density visible. */

import type { Context } from "./context.js";

export interface Heat {
  /** The middle of the page and its side, in device pixels. */
  readonly x: number;
  readonly y: number;
  readonly side: number;
  readonly heat: number;
}

/** In CSS pixels. */
const SIDE_MIN = 3;
const SPOT_MAX = 8;
const FRAME = 3;

export function paintHeat(context: Context, spots: Iterable<Heat>, color: string, density: number): void {
  context.strokeStyle = color;
  for (const { x, y, side: pageSide, heat } of spots) {
    const side = Math.max(pageSide, SIDE_MIN * density);
    const line = side > SPOT_MAX * density ? FRAME * density : side / 2;
    context.lineWidth = line;
    context.globalAlpha = alphaOf(heat);
    context.strokeRect(x - side / 2 + line / 2, y - side / 2 + line / 2, side - line, side - line);
  }
  context.globalAlpha = 1;
}

/** From barely visible to nearly opaque, by orders of magnitude. */
function alphaOf(heat: number): number {
  return heat < 1 ? heat * 0.5 : Math.min(0.95, 0.5 + Math.log2(heat) / 12);
}
