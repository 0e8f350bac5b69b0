/* Draws large enough cells over the pictures of pages: lines between them, or boxes. */

import { PAGE_SIDE, placeOfPage } from "../../../board/plane.js";
import type { Area } from "../view/camera.js";
import type { Screen } from "../view/screen.js";
import { showsBoxes } from "./box.js";
import type { Context } from "./context.js";
import { type PagesScene, shareShown } from "./pages.js";

/** The size in CSS pixels from which cells have lines. */
const LINES_FROM_PX = 5;

export function paintCells(context: Context, screen: Screen, scene: PagesScene): boolean {
  if (showsBoxes(screen)) return paintBoxes(context, screen, scene);
  if (screen.cellCssPx >= LINES_FROM_PX) paintCellLines(context, screen, scene);
  return false;
}

function paintCellLines(context: Context, screen: Screen, scene: PagesScene): void {
  const thin = Math.max(1, Math.round(screen.density / 2));
  paintLines(context, screen, span(screen, scene), 1, thin, scene.palette.line);
}

/** Squares without a box have lines between them, as smaller cells do. */
function paintEdges(context: Context, screen: Screen, scene: PagesScene): void {
  const { plain } = scene.boxes;
  if (plain.length === 0) return;
  context.save();
  context.beginPath();
  for (const rect of plain) context.rect(...rect);
  context.clip();
  paintCellLines(context, screen, scene);
  context.restore();
}

function span({ area }: Screen, { plane }: PagesScene): Area {
  return {
    left: Math.max(0, Math.floor(area.left)),
    top: Math.max(0, Math.floor(area.top)),
    right: Math.min(plane.columns, Math.ceil(area.right)),
    bottom: Math.min(plane.rows, Math.ceil(area.bottom)),
  };
}

function paintLines(
  context: Context,
  screen: Screen,
  { left, top, right, bottom }: Area,
  side: number,
  thin: number,
  color: string,
): void {
  context.fillStyle = color;
  const [width, height] = [screen.left(right) - screen.left(left), screen.top(bottom) - screen.top(top)];
  for (let x = Math.ceil(left / side) * side; x <= right; x += side) {
    context.fillRect(screen.left(x), screen.top(top), thin, height);
  }
  for (let y = Math.ceil(top / side) * side; y <= bottom; y += side) {
    context.fillRect(screen.left(left), screen.top(y), width, thin);
  }
}

function paintBoxes(context: Context, screen: Screen, scene: PagesScene): boolean {
  const { plane, pages, inSight, palette, boxes } = scene;
  boxes.begin(screen, plane.size, palette);
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
  boxes.end(screen);
  paintEdges(context, screen, scene);
  // The boxes cover the lines between pages.
  paintLines(context, screen, seen, PAGE_SIDE, Math.round(screen.density), palette.line);
  return boxes.isUnfinished;
}
