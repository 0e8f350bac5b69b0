/*
 * Pictures of an empty and a checked box of one size, drawn once and copied to each cell. They look
 * like the real checkboxes of a small board (cells.css).
 */

import { type Context, contextOf } from "./context.js";
import type { Palette } from "./palette.js";

export interface BoxSprites {
  readonly empty: OffscreenCanvas;
  readonly checked: OffscreenCanvas;
}

const GAP_SHARE = 0.13;
const EDGE_SHARE = 0.05;
const CORNER_SHARE = 0.16;
/** In a numbered box the check is smaller and higher. */
const CHECK_SHARE = 0.52;
const CHECK_NUMBERED_SHARE = 0.4;

export function makeSprites(pitchPx: number, density: number, isNumbered: boolean, palette: Palette): BoxSprites {
  const make = (fill: string, line: string, isChecked: boolean) => {
    const canvas = new OffscreenCanvas(pitchPx, pitchPx);
    const context = contextOf(canvas);
    context.fillStyle = palette.ground;
    context.fillRect(0, 0, pitchPx, pitchPx);
    const gap = Math.max(1, Math.round((pitchPx * GAP_SHARE) / 2));
    const edge = Math.round(Math.max(density, Math.min(2 * density, pitchPx * EDGE_SHARE)));
    const side = pitchPx - 2 * gap - edge;
    context.beginPath();
    context.roundRect(gap + edge / 2, gap + edge / 2, side, side, pitchPx * CORNER_SHARE);
    context.fillStyle = fill;
    context.fill();
    context.strokeStyle = line;
    context.lineWidth = edge;
    context.stroke();
    if (isChecked) strokeCheck(context, pitchPx, isNumbered, palette.onAccent);
    return canvas;
  };
  return { empty: make(palette.cell, palette.cellLine, false), checked: make(palette.accent, palette.accent, true) };
}

/** The check of check-light.svg, whose view box is 16 × 16. */
function strokeCheck(context: Context, pitchPx: number, isNumbered: boolean, color: string): void {
  const size = pitchPx * (isNumbered ? CHECK_NUMBERED_SHARE : CHECK_SHARE);
  const unit = size / 16;
  const left = (pitchPx - size) / 2;
  const top = isNumbered ? pitchPx * 0.16 : left;
  context.beginPath();
  context.moveTo(left + 3 * unit, top + 8.4 * unit);
  context.lineTo(left + 6.4 * unit, top + 11.8 * unit);
  context.lineTo(left + 13 * unit, top + 5 * unit);
  context.strokeStyle = color;
  context.lineWidth = 2.2 * unit;
  context.lineCap = "round";
  context.lineJoin = "round";
  context.stroke();
}
