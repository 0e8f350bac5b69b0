/* Draws one box of the canvas: a picture, and a number if it fits. */

import type { Screen } from "../view/screen.js";
import { type Context, contextOf } from "./context.js";
import type { Palette } from "./palette.js";

export interface BoxStyle {
  readonly cellPx: number;
  readonly density: number;
  readonly palette: Palette;
  /** The font of the numbers; undefined if they do not fit. */
  readonly font: string | undefined;
  readonly sprites: ReturnType<typeof makeSprites>;
}

/** The size in CSS pixels from which cells are boxes. */
const BOXES_FROM_PX = 20;
const NUMBERS_FROM_PX = 34;
const DIGIT_SHARE = 0.64;
const FONT_PX = { min: 7.5, max: 12.5 };
const GAP_SHARE = 0.13;
const EDGE_SHARE = 0.05;
const CORNER_SHARE = 0.16;
/** In a numbered box the check is smaller and higher. */
const CHECK_SHARE = 0.52;
const CHECK_NUMBERED_SHARE = 0.4;

export function showsBoxes({ cellCssPx }: Screen): boolean {
  return cellCssPx >= BOXES_FROM_PX;
}

export function boxStyle(screen: Screen, cells: number, palette: Palette, before: BoxStyle | undefined): BoxStyle {
  const { cellPx, density } = screen;
  const fontSize = fontPx(screen, cells);
  const font = fontSize === undefined ? undefined : `${fontSize * density}px system-ui, sans-serif`;
  const isSame = before?.cellPx === cellPx && before.density === density && before.font === font;
  if (before && isSame && before.palette === palette) return before;
  const sprites = makeSprites(Math.ceil(cellPx), density, font !== undefined, palette);
  return { cellPx, density, palette, font, sprites };
}

export function prepareBoxes(context: Context, { font }: BoxStyle): void {
  if (font === undefined) return;
  context.font = font;
  context.textAlign = "center";
  context.textBaseline = "middle";
}

export function paintBox(
  context: Context,
  { cellPx, palette, font, sprites }: BoxStyle,
  left: number,
  top: number,
  cell: number,
  look: keyof BoxStyle["sprites"],
): void {
  const sprite = sprites[look];
  if (!sprite) return;
  context.drawImage(sprite, left, top);
  if (font === undefined) return;
  context.fillStyle = { empty: palette.textSoft, checked: palette.onAccent, own: palette.onOwn }[look];
  context.fillText(String(cell), left + cellPx / 2, top + cellPx * (look === "empty" ? 0.52 : 0.72));
}

/** The font size that fits the longest number, in CSS pixels; undefined if illegible. */
function fontPx({ cellCssPx }: Screen, cells: number): number | undefined {
  const fitting = (cellCssPx * 0.74) / (String(cells - 1).length * DIGIT_SHARE);
  return cellCssPx < NUMBERS_FROM_PX || fitting < FONT_PX.min ? undefined : Math.min(FONT_PX.max, fitting);
}

/** Pictures of the boxes. They look like the real checkboxes of a small board (cells.css). */
function makeSprites(pitchPx: number, density: number, isNumbered: boolean, palette: Palette) {
  const make = (fill: string, line: string, mark?: "check" | "cross", ink = palette.onAccent) => {
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
    if (mark) strokeMark(context, pitchPx, isNumbered, mark, ink);
    // A canvas would be copied each time that it is drawn.
    return canvas.transferToImageBitmap();
  };
  const { cell, cellLine, accent, hasOwners, takenGround, own, onOwn } = palette;
  return {
    empty: make(cell, cellLine),
    checked: hasOwners ? make(takenGround, accent, "cross", accent) : make(accent, accent, "check"),
    own: hasOwners ? make(own, own, "check", onOwn) : undefined,
  };
}

/** The check of check-light.svg, whose view box is 16 × 16, or a cross of that size. */
function strokeMark(
  context: Context,
  pitchPx: number,
  isNumbered: boolean,
  mark: "check" | "cross",
  color: string,
): void {
  const size = pitchPx * (isNumbered ? CHECK_NUMBERED_SHARE : CHECK_SHARE);
  const unit = size / 16;
  const left = (pitchPx - size) / 2;
  const top = isNumbered ? pitchPx * 0.16 : left;
  context.beginPath();
  if (mark === "cross") {
    context.moveTo(left + 3 * unit, top + 3 * unit);
    context.lineTo(left + 13 * unit, top + 13 * unit);
    context.moveTo(left + 13 * unit, top + 3 * unit);
    context.lineTo(left + 3 * unit, top + 13 * unit);
  } else {
    context.moveTo(left + 3 * unit, top + 8.4 * unit);
    context.lineTo(left + 6.4 * unit, top + 11.8 * unit);
    context.lineTo(left + 13 * unit, top + 5 * unit);
  }
  context.strokeStyle = color;
  context.lineWidth = 2.2 * unit;
  context.lineCap = "round";
  context.lineJoin = "round";
  context.stroke();
}
