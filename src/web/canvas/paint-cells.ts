/*
 * Draws single cells, over the pages' pictures, where they are large enough: as squares with lines between them, and
 * larger as checkboxes, with their numbers where these fit.
 */

import { cellAt, PAGE_CELLS } from "../../board/geometry.js";
import { type BoxSprites, makeSprites } from "./box-sprites.js";
import type { Area } from "./camera.js";
import type { Context } from "./context.js";
import type { PagesScene } from "./paint-pages.js";
import type { Palette } from "./palette.js";
import { PAGE_SIDE, placeOfPage } from "./plane.js";
import type { Screen } from "./screen.js";

/** CSS pixels of a cell from which there are lines, and from which there are boxes. */
const LINES_FROM_PX = 5;
export const BOXES_FROM_PX = 20;
const NUMBERS_FROM_PX = 34;
const DIGIT_SHARE = 0.64;
const FONT_PX = { min: 7.5, max: 12.5 };

let held: { readonly key: string; readonly palette: Palette; readonly sprites: BoxSprites } | undefined;

export function paintCells(context: Context, screen: Screen, scene: PagesScene): void {
  if (screen.cellCssPx >= BOXES_FROM_PX) paintBoxes(context, screen, scene);
  else if (screen.cellCssPx >= LINES_FROM_PX) paintLines(context, screen, scene);
}

/** Columns and rows in sight. */
function span({ area }: Screen, { plane }: PagesScene): Area {
  return {
    left: Math.max(0, Math.floor(area.left)),
    top: Math.max(0, Math.floor(area.top)),
    right: Math.min(plane.columns, Math.ceil(area.right)),
    bottom: Math.min(plane.rows, Math.ceil(area.bottom)),
  };
}

function paintLines(context: Context, screen: Screen, scene: PagesScene): void {
  const { left, top, right, bottom } = span(screen, scene);
  const thin = Math.max(1, Math.round(screen.density / 2));
  context.fillStyle = scene.palette.line;
  for (let x = left; x <= right; x++) {
    context.fillRect(screen.left(x), screen.top(top), thin, screen.top(bottom) - screen.top(top));
  }
  for (let y = top; y <= bottom; y++) {
    context.fillRect(screen.left(left), screen.top(y), screen.left(right) - screen.left(left), thin);
  }
}

function paintBoxes(context: Context, screen: Screen, scene: PagesScene): void {
  const { plane, pages, inSight, palette } = scene;
  const font = fontPx(screen, plane.size);
  const sprites = spritesFor(screen, font !== undefined, palette);
  const seen = span(screen, scene);
  if (font !== undefined) {
    context.font = `${font * screen.density}px system-ui, sans-serif`;
    context.textAlign = "center";
    context.textBaseline = "middle";
  }
  for (const page of inSight) {
    const picture = pages.get(page)?.picture;
    if (!picture) continue;
    const { x, y } = placeOfPage(page);
    const [pageLeft, pageTop] = [x * PAGE_SIDE, y * PAGE_SIDE];
    const part = {
      left: Math.max(seen.left, pageLeft),
      top: Math.max(seen.top, pageTop),
      right: Math.min(seen.right, pageLeft + PAGE_SIDE),
      bottom: Math.min(seen.bottom, pageTop + PAGE_SIDE),
    };
    const isTiled = picture.cells === PAGE_CELLS && Number.isInteger(screen.cellPx);
    if (isTiled) tileEmpty(context, screen, part, sprites);
    for (let row = part.top; row < part.bottom; row++) {
      for (let column = part.left; column < part.right; column++) {
        const offset = (row - pageTop) * PAGE_SIDE + column - pageLeft;
        if (offset >= picture.cells) continue;
        const isChecked = picture.get(offset);
        const [atX, atY] = [screen.left(column), screen.top(row)];
        if (isChecked || !isTiled) context.drawImage(isChecked ? sprites.checked : sprites.empty, atX, atY);
        if (font === undefined) continue;
        context.fillStyle = isChecked ? palette.onAccent : palette.textSoft;
        const middle = atY + screen.cellPx * (isChecked ? 0.72 : 0.52);
        context.fillText(String(cellAt(page, offset)), atX + screen.cellPx / 2, middle);
      }
    }
  }
  paintPageEdges(context, screen, seen, palette);
}

/** Empty boxes in one go: most are, and one by one they would take most of a frame. */
function tileEmpty(context: Context, screen: Screen, { left, top, right, bottom }: Area, { empty }: BoxSprites): void {
  const pattern = context.createPattern(empty, "repeat");
  if (!pattern || right <= left || bottom <= top) return;
  context.save();
  context.translate(screen.left(left), screen.top(top));
  context.fillStyle = pattern;
  context.fillRect(0, 0, screen.left(right) - screen.left(left), screen.top(bottom) - screen.top(top));
  context.restore();
}

/** The boxes hide where pages meet. */
function paintPageEdges(context: Context, screen: Screen, { left, top, right, bottom }: Area, palette: Palette): void {
  context.fillStyle = palette.line;
  const thin = Math.round(screen.density);
  for (let x = Math.ceil(left / PAGE_SIDE) * PAGE_SIDE; x <= right; x += PAGE_SIDE) {
    context.fillRect(screen.left(x), screen.top(top), thin, screen.top(bottom) - screen.top(top));
  }
  for (let y = Math.ceil(top / PAGE_SIDE) * PAGE_SIDE; y <= bottom; y += PAGE_SIDE) {
    context.fillRect(screen.left(left), screen.top(y), screen.left(right) - screen.left(left), thin);
  }
}

/** The size at which a board's longest number fits its box, in CSS pixels; undefined if it could not be read. */
function fontPx({ cellCssPx }: Screen, size: number): number | undefined {
  const fitting = (cellCssPx * 0.74) / (String(size - 1).length * DIGIT_SHARE);
  return cellCssPx < NUMBERS_FROM_PX || fitting < FONT_PX.min ? undefined : Math.min(FONT_PX.max, fitting);
}

function spritesFor(screen: Screen, isNumbered: boolean, palette: Palette): BoxSprites {
  const key = `${screen.cellPx} ${screen.density} ${isNumbered}`;
  if (held?.key !== key || held.palette !== palette) {
    const sprites = makeSprites(Math.round(screen.cellPx), screen.density, isNumbered, palette);
    held = { key, palette, sprites };
  }
  return held.sprites;
}
