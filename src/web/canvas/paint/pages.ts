/*
 * Draws pages, each from the picture that is about as fine as the screen. Making pictures takes
 * time, so each frame makes only some. Until then a page shows another picture or its density.
 * A frame draws no densities that pages cover, and no pictures that boxes cover.
 */

import { PAGE_CELLS } from "../../../board/geometry.js";
import { PAGE_SIDE, type Plane, placeOfPage } from "../../../board/plane.js";
import type { Screen } from "../view/screen.js";
import { showsBoxes } from "./box.js";
import type { BoxTiles } from "./box-tiles.js";
import type { Context } from "./context.js";
import type { DensityMap } from "./density-map.js";
import type { PagePicture } from "./page-picture.js";
import type { Palette } from "./palette.js";

export interface ShownPage {
  readonly picture: PagePicture;
  readonly sinceMs: number;
}

export interface PagesScene {
  readonly plane: Plane;
  readonly palette: Palette;
  /** For pages that are not loaded; undefined during a replay, which has no densities. */
  readonly densities: DensityMap | undefined;
  readonly pages: ReadonlyMap<number, ShownPage>;
  readonly boxes: BoxTiles;
  /** Pages in sight; none if they are too small to show cells. */
  readonly inSight: readonly number[];
  readonly nowMs: number;
  readonly fadeMs: number;
}

const PICTURES_PER_FRAME = 12;
/** Pages that show another picture meanwhile wait if a frame has spent so much on pictures. */
const PICTURES_MS = 24;
const BORDER_FROM_PX = 40;
const BORDER_FROM_CELL_PX = 4;
const SMOOTH_BELOW_PX = 1;

export function paintPages(context: Context, screen: Screen, scene: PagesScene): boolean {
  const { pages, inSight } = scene;
  const drawn: { page: number; cells: number; image: OffscreenCanvas; share: number }[] = [];
  const startMs = performance.now();
  let made = 0;
  let covered = 0;
  let isUnfinished = false;
  for (const page of inSight) {
    const shown = pages.get(page);
    if (!shown) continue;
    const { picture } = shown;
    const share = shareShown(shown, scene);
    if (share < 1) isUnfinished = true;
    else if (showsBoxes(screen)) {
      covered++;
      continue;
    }
    const isEarly = picture.isEmpty || performance.now() - startMs < PICTURES_MS;
    const mayMake = made < PICTURES_PER_FRAME && isEarly;
    if (!picture.has(screen.cellPx)) {
      if (mayMake) made++;
      else isUnfinished = true;
    }
    const image = picture.imageFor(screen.cellPx, mayMake);
    if (!image) continue;
    if (share === 1) covered++;
    drawn.push({ page, cells: picture.cells, image, share });
  }
  if (covered === 0 || covered < inSight.length) paintDensities(context, screen, scene);
  context.imageSmoothingEnabled = screen.cellPx < SMOOTH_BELOW_PX;
  for (const { page, cells, image, share } of drawn) {
    const { x, y } = placeOfPage(page);
    const [pageLeft, pageTop] = [screen.left(x * PAGE_SIDE), screen.top(y * PAGE_SIDE)];
    const pageWidth = screen.left((x + 1) * PAGE_SIDE) - pageLeft;
    const pageHeight = screen.top((y + 1) * PAGE_SIDE) - pageTop;
    // The density below it covers the part without cells too.
    if (cells < PAGE_CELLS) context.clearRect(pageLeft, pageTop, pageWidth, pageHeight);
    context.globalAlpha = share;
    context.drawImage(image, pageLeft, pageTop, pageWidth, pageHeight);
  }
  context.globalAlpha = 1;
  paintBorders(context, screen, scene);
  return isUnfinished;
}

function paintDensities(context: Context, screen: Screen, { plane, palette, densities }: PagesScene): void {
  const [left, top] = [screen.left(0), screen.top(0)];
  const width = screen.left(plane.columns) - left;
  const height = screen.top(plane.rows) - top;
  if (densities) {
    const image = densities.image();
    context.imageSmoothingEnabled = image.width > width;
    context.drawImage(image, left, top, width, height);
  } else {
    context.fillStyle = palette.line;
    context.fillRect(left, top, width, height);
  }
}

export function shareShown({ sinceMs }: ShownPage, { nowMs, fadeMs }: PagesScene): number {
  return fadeMs > 0 ? Math.min(1, (nowMs - sinceMs) / fadeMs) : 1;
}

function paintBorders(context: Context, screen: Screen, { plane, palette, pages, inSight }: PagesScene): void {
  const thin = Math.max(1, Math.round(screen.density));
  context.strokeStyle = palette.line;
  context.lineWidth = thin;
  const half = thin / 2;
  // The only page of a small board ends where the board does.
  if (plane.pages > 1 && screen.cellPx * PAGE_SIDE >= BORDER_FROM_PX * screen.density) {
    context.beginPath();
    for (const page of inSight) {
      // No lines through a picture of small cells.
      if (pages.has(page) && screen.cellCssPx < BORDER_FROM_CELL_PX) continue;
      const { x, y } = placeOfPage(page);
      const [left, top] = [screen.left(x * PAGE_SIDE), screen.top(y * PAGE_SIDE)];
      context.moveTo(left + half, screen.top((y + 1) * PAGE_SIDE));
      context.lineTo(left + half, top + half);
      context.lineTo(screen.left((x + 1) * PAGE_SIDE), top + half);
    }
    context.stroke();
  }
  const [left, top] = [screen.left(0), screen.top(0)];
  context.strokeRect(
    left - half,
    top - half,
    screen.left(plane.columns) - left + thin,
    screen.top(plane.rows) - top + thin,
  );
}
