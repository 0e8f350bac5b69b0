/* Draws single cells over the pages' pictures if they are large enough: with lines between, or as boxes. */

import type { Area } from "../view/camera.js";
import { PAGE_SIDE, placeOfPage } from "../view/plane.js";
import type { Screen } from "../view/screen.js";
import { prepareBoxes } from "./box.js";
import type { Context } from "./context.js";
import { type PagesScene, shareShown } from "./pages.js";
import type { Palette } from "./palette.js";

/** The sizes in CSS pixels from which cells have lines, and from which they are boxes. */
const LINES_FROM_PX = 5;
export const BOXES_FROM_PX = 20;

/** True if another frame can prepare more tiles. */
export function paintCells(context: Context, screen: Screen, scene: PagesScene): boolean {
  if (screen.cellCssPx >= BOXES_FROM_PX) return paintBoxes(context, screen, scene);
  if (screen.cellCssPx >= LINES_FROM_PX) paintLines(context, screen, scene);
  return false;
}

/** The columns and rows in sight. */
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

function paintBoxes(context: Context, screen: Screen, scene: PagesScene): boolean {
  const { plane, pages, inSight, palette, boxes } = scene;
  prepareBoxes(context, boxes.style(screen, plane.size, palette));
  const seen = span(screen, scene);
  for (const page of inSight) {
    const shown = pages.get(page);
    if (!shown) continue;
    const { x, y } = placeOfPage(page);
    const within = (at: number, from: number) => Math.max(0, Math.min(PAGE_SIDE, at - from * PAGE_SIDE));
    context.globalAlpha = shareShown(shown, scene);
    boxes.draw(context, screen, page, shown.picture, {
      left: within(seen.left, x),
      top: within(seen.top, y),
      right: within(seen.right, x),
      bottom: within(seen.bottom, y),
    });
  }
  context.globalAlpha = 1;
  paintPageEdges(context, screen, seen, palette);
  return boxes.isUnfinished;
}

/** Boxes cover the lines between pages, so they are drawn again. */
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
