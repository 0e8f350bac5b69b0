/*
 * Boxes as tiles of 8 × 8, kept as pictures. A frame copies some dozens of pictures instead of
 * drawing thousands of boxes and numbers. A row of a tile is one byte of the page's bitmap, so
 * comparing eight bytes finds the changed boxes.
 *
 * A frame has little time to make tiles while the view moves, and more while it rests. In place of
 * a tile that is not made yet, it shows one of another box size, stretched, or plain squares with
 * lines. A zoom only makes tiles for places that have none, because each of its frames has another
 * box size.
 */

import { cellAt } from "../../../board/geometry.js";
import { PAGE_SIDE, placeOfPage } from "../../../board/plane.js";
import type { Area } from "../view/camera.js";
import type { Screen } from "../view/screen.js";
import { type BoxStyle, boxStyle, paintBox, prepareBoxes } from "./box.js";
import { type Context, contextOf } from "./context.js";
import type { PagePicture } from "./page-picture.js";
import type { Palette } from "./palette.js";

type Tile = ReturnType<typeof makeTile>;
type Rect = readonly [left: number, top: number, width: number, height: number];

const SIDE = 8;
const TILES_PER_ROW = PAGE_SIDE / SIDE;
/** How long a frame makes tiles, in ms. One is always made. */
const MOVING_MS = 4;
const RESTING_MS = 24;
/** The view rests if it has not moved for this long. */
const REST_AFTER_MS = 50;
/** Of a row that has not been drawn yet. */
const NOTHING = -1;
/** The largest area of all tiles together, in screens. Those in view are always kept. */
const SCREENS_MAX = 2;

export class BoxTiles {
  /** Least recently used first. */
  readonly #tiles = new Map<number, Tile>();
  #style: BoxStyle | undefined;
  /** Where the view was in the previous frame, and since when. */
  #view = "";
  #viewMs = 0;
  #isZooming = false;
  #made = 0;
  #endMs = 0;
  #frame = 0;
  /** Pixels of all tiles. */
  #area = 0;
  #isUnfinished = false;
  #plain: Rect[] = [];

  /** How boxes look; undefined until `begin` was called. */
  get current(): BoxStyle | undefined {
    return this.#style;
  }

  /** Whether the next frame of the same view would make more tiles. */
  get isUnfinished(): boolean {
    return this.#isUnfinished;
  }

  /** Where this frame shows plain squares, in device pixels. */
  get plain(): readonly Rect[] {
    return this.#plain;
  }

  /** Call it once per frame, before `draw`. */
  begin(screen: Screen, cells: number, palette: Palette): void {
    const before = this.#style;
    const style = boxStyle(screen, cells, palette, before);
    if (style.palette !== before?.palette) for (const key of this.#tiles.keys()) this.#drop(key);
    this.#isZooming = before !== undefined && before.cellPx !== style.cellPx;
    this.#style = style;
    const nowMs = performance.now();
    const view = `${screen.left(0)} ${screen.top(0)} ${screen.cellPx}`;
    if (view !== this.#view) this.#viewMs = nowMs;
    this.#view = view;
    this.#endMs = nowMs + (nowMs - this.#viewMs > REST_AFTER_MS ? RESTING_MS : MOVING_MS);
    this.#made = 0;
    this.#frame++;
    this.#isUnfinished = false;
    this.#plain = [];
  }

  /** Draws a part of a page, given in cells of the page. */
  draw(context: Context, screen: Screen, page: number, picture: PagePicture, part: Area): void {
    const style = this.#style;
    if (!style) return;
    const { x, y } = placeOfPage(page);
    context.imageSmoothingEnabled = false;
    for (let row = Math.floor(part.top / SIDE); row * SIDE < part.bottom; row++) {
      for (let column = Math.floor(part.left / SIDE); column * SIDE < part.right; column++) {
        const [atX, atY] = [x * PAGE_SIDE + column * SIDE, y * PAGE_SIDE + row * SIDE];
        const [left, top] = [screen.left(atX), screen.top(atY)];
        const [width, height] = [screen.left(atX + SIDE) - left, screen.top(atY + SIDE) - top];
        const key = page * TILES_PER_ROW ** 2 + row * TILES_PER_ROW + column;
        const tile = this.#tile(key, style, screen, atX, atY);
        if (tile) {
          update(tile, page, picture, row, column);
          context.drawImage(tile.canvas, left, top, width, height);
        } else {
          const image = picture.imageFor(style.cellPx, true);
          if (image) context.drawImage(image, column * SIDE, row * SIDE, SIDE, SIDE, left, top, width, height);
          this.#plain.push([left, top, width, height]);
        }
      }
    }
  }

  /** Call it once per frame, after `draw`. */
  end({ width, height }: Screen): void {
    for (const [key, { frame }] of this.#tiles) {
      if (this.#area <= width * height * SCREENS_MAX || frame === this.#frame) break;
      this.#drop(key);
    }
  }

  /** The tile of this box size, if it exists or there is time to make it; otherwise any. */
  #tile(key: number, style: BoxStyle, screen: Screen, atX: number, atY: number): Tile | undefined {
    let tile = this.#tiles.get(key);
    if (tile?.style !== style) {
      const isLate = this.#made > 0 && performance.now() > this.#endMs;
      if (isLate || (tile && this.#isZooming)) this.#isUnfinished = true;
      else {
        this.#made++;
        if (tile) this.#drop(key);
        tile = makeTile(style, screen, atX, atY);
        this.#area += tile.canvas.width * tile.canvas.height;
      }
    }
    if (!tile) return undefined;
    tile.frame = this.#frame;
    this.#tiles.delete(key);
    this.#tiles.set(key, tile);
    return tile;
  }

  #drop(key: number): void {
    const canvas = this.#tiles.get(key)?.canvas;
    this.#tiles.delete(key);
    if (!canvas) return;
    this.#area -= canvas.width * canvas.height;
    // Some browsers keep the memory of a canvas until their next garbage collection.
    canvas.width = 0;
  }
}

/** An empty tile, whose boxes lie as on this screen. */
function makeTile(style: BoxStyle, screen: Screen, atX: number, atY: number) {
  const lefts = Array.from({ length: SIDE + 1 }, (_, across) => screen.left(atX + across) - screen.left(atX));
  const tops = Array.from({ length: SIDE + 1 }, (_, down) => screen.top(atY + down) - screen.top(atY));
  const canvas = new OffscreenCanvas(lefts[SIDE] ?? 0, tops[SIDE] ?? 0);
  const context = contextOf(canvas);
  prepareBoxes(context, style);
  return { style, lefts, tops, canvas, context, shown: new Int16Array(SIDE).fill(NOTHING), frame: 0 };
}

/** Draws the boxes that have changed. */
function update(tile: Tile, page: number, picture: PagePicture, row: number, column: number): void {
  for (let down = 0; down < SIDE; down++) {
    const first = (row * SIDE + down) * PAGE_SIDE + column * SIDE;
    const byte = picture.byteAt(first);
    const shown = tile.shown[down] ?? NOTHING;
    const changed = shown === NOTHING ? 255 : byte ^ shown;
    if (changed === 0) continue;
    tile.shown[down] = byte;
    for (let across = 0; across < SIDE; across++) {
      const bit = 128 >> across;
      const offset = (changed & bit) === 0 ? undefined : picture.offsetAt(first + across);
      if (offset === undefined) continue;
      const [left, top] = [tile.lefts[across] ?? 0, tile.tops[down] ?? 0];
      paintBox(tile.context, tile.style, left, top, cellAt(page, offset), byte & bit ? "checked" : "empty");
    }
  }
}
