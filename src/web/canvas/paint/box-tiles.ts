/*
 * Boxes as tiles of 8 × 8, kept as pictures. While the view pans, a frame copies some dozens of
 * pictures instead of drawing hundreds of boxes and numbers. A row of a tile is one byte of the
 * page's bitmap, so comparing eight bytes finds the changed boxes. A tile is made if most of it is
 * in view, because that costs no more than drawing its boxes. Of the others, each frame makes a few
 * and draws the rest of the new area box by box. A change of the box size drops all tiles.
 */

import { cellAt } from "../../../board/geometry.js";
import { PAGE_SIDE, placeOfPage } from "../../../board/plane.js";
import type { Area } from "../view/camera.js";
import type { Screen } from "../view/screen.js";
import { type BoxStyle, boxStyle, paintBox, paintBoxes, prepareBoxes } from "./box.js";
import { type Context, contextOf } from "./context.js";
import type { PagePicture } from "./page-picture.js";
import type { Palette } from "./palette.js";

type Tile = ReturnType<typeof makeTile>;

const SIDE = 8;
/** The most pixels of tiles made per frame of which less is in view. One tile is always made. */
const MADE_PX = 250_000;
const MOST = SIDE ** 2 / 2;
const TILES_PER_ROW = PAGE_SIDE / SIDE;
/** The largest area of all tiles together, in screens. */
const SCREENS_MAX = 2;

export class BoxTiles {
  /** Least recently used first. */
  readonly #tiles = new Map<number, Tile>();
  #style: BoxStyle | undefined;
  /** Boxes look as they did in the previous frame. Only then are tiles worth making. */
  #isSteady = false;
  #isTiled = false;
  #made = 0;
  #madeMax = 1;

  /** How boxes look; undefined until `style` was called. */
  get current(): BoxStyle | undefined {
    return this.#style;
  }

  /** How boxes look in this frame. Call it once per frame. */
  style(screen: Screen, cells: number, palette: Palette): BoxStyle {
    const style = boxStyle(screen, cells, palette, this.#style);
    this.#isSteady = style === this.#style || this.#style === undefined;
    if (!this.#isSteady) this.#tiles.clear();
    this.#style = style;
    this.#isTiled = Number.isInteger(style.cellPx);
    this.#made = 0;
    this.#madeMax = Math.max(1, Math.floor(MADE_PX / (SIDE * style.cellPx) ** 2));
    return style;
  }

  /** Whether the next frame of the same view would make more tiles. */
  get isUnfinished(): boolean {
    return this.#isTiled && (!this.#isSteady || this.#made > this.#madeMax);
  }

  draw(context: Context, screen: Screen, page: number, picture: PagePicture, part: Area): void {
    const style = this.#style;
    if (!style) return;
    if (!this.#isSteady || !this.#isTiled) {
      paintBoxes(context, screen, style, page, picture, part);
      return;
    }
    const { x, y } = placeOfPage(page);
    for (let row = Math.floor(part.top / SIDE); row * SIDE < part.bottom; row++) {
      for (let column = Math.floor(part.left / SIDE); column * SIDE < part.right; column++) {
        const [left, top] = [column * SIDE, row * SIDE];
        const seen = {
          left: Math.max(part.left, left),
          top: Math.max(part.top, top),
          right: Math.min(part.right, left + SIDE),
          bottom: Math.min(part.bottom, top + SIDE),
        };
        const isMost = (seen.right - seen.left) * (seen.bottom - seen.top) >= MOST;
        const tile = this.#tile(style, page, picture, row, column, isMost);
        if (tile) context.drawImage(tile.canvas, screen.left(x * PAGE_SIDE + left), screen.top(y * PAGE_SIDE + top));
        else paintBoxes(context, screen, style, page, picture, seen);
      }
    }
    this.#bound(screen, style);
  }

  /** The up-to-date tile; undefined if it does not exist and this frame has made enough. */
  #tile(
    style: BoxStyle,
    page: number,
    picture: PagePicture,
    row: number,
    column: number,
    isMost: boolean,
  ): Tile | undefined {
    const key = page * TILES_PER_ROW ** 2 + row * TILES_PER_ROW + column;
    const kept = this.#tiles.get(key);
    if (!kept && !isMost && this.#made++ >= this.#madeMax) return undefined;
    const tile = kept ?? makeTile(style);
    this.#tiles.delete(key);
    this.#tiles.set(key, tile);
    for (let down = 0; down < SIDE; down++) {
      const first = (row * SIDE + down) * PAGE_SIDE + column * SIDE;
      const byte = picture.byteAt(first);
      const changed = kept ? byte ^ (tile.shown[down] ?? 0) : 255;
      if (changed === 0) continue;
      tile.shown[down] = byte;
      for (let across = 0; across < SIDE; across++) {
        const bit = 128 >> across;
        const offset = (changed & bit) === 0 ? undefined : picture.offsetAt(first + across);
        if (offset === undefined) continue;
        const [left, top] = [across * style.cellPx, down * style.cellPx];
        paintBox(tile.context, style, left, top, cellAt(page, offset), byte & bit ? "checked" : "empty");
      }
    }
    return tile;
  }

  #bound({ width, height }: Screen, { cellPx }: BoxStyle): void {
    const side = cellPx * SIDE;
    const inView = (Math.ceil(width / side) + 1) * (Math.ceil(height / side) + 1);
    const tilesMax = Math.max(inView, Math.ceil((width * height * SCREENS_MAX) / side ** 2));
    for (const key of this.#tiles.keys()) {
      if (this.#tiles.size <= tilesMax) break;
      this.#tiles.delete(key);
    }
  }
}

function makeTile(style: BoxStyle) {
  const canvas = new OffscreenCanvas(SIDE * style.cellPx, SIDE * style.cellPx);
  const context = contextOf(canvas);
  prepareBoxes(context, style);
  return { canvas, context, shown: new Uint8Array(SIDE) };
}
