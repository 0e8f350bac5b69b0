/*
 * The whole board as one small picture, for the minimap and for a canvas of tiny cells. On a board
 * of up to 1,024 pages, a page has 16 × 16 pixels. They show its coarse picture, or all have the
 * tone of its count. On a larger board, a page has one pixel.
 */

import { COARSE_SIDE } from "../../../board/coarse.js";
import { cellsInPage, PAGE_CELLS } from "../../../board/geometry.js";
import { PAGE_SIDE, type Plane, placeOfPage } from "../../../board/plane.js";
import { contextOf } from "./context.js";
import type { Palette } from "./palette.js";

export interface DensitySource {
  /** 0 … 1; undefined if unknown. */
  shareOf(page: number): number | undefined;
  /** Undefined if unknown. */
  coarseOf(page: number): Uint8Array | Uint16Array | undefined;
}

const COARSE_PAGES_MAX = 1_024;
const STEPS = 255;
const TONE_MIN = 0.18;
const BLOCK_CELLS = (PAGE_SIDE / COARSE_SIDE) ** 2;
/** So many pages are drawn again for one frame. More would take too long if all change at once. */
const PAGES_PER_FRAME = 64;

/** Whether the pages of the board have coarse pictures. A single page is always loaded. */
export function isCoarse({ pages }: Pick<Plane, "pages">): boolean {
  return pages > 1 && pages <= COARSE_PAGES_MAX;
}

export class DensityMap {
  readonly canvas: OffscreenCanvas;
  readonly #plane: Plane;
  readonly #source: DensitySource;
  readonly #side: number;
  readonly #image: ImageData;
  readonly #pixels: Uint32Array;
  readonly #ramp: Uint32Array;
  readonly #blockColors: Uint32Array;
  readonly #unknown: number;
  readonly #stale = new Set<number>();
  #isNew = true;

  constructor(plane: Plane, palette: Palette, source: DensitySource) {
    this.#plane = plane;
    this.#source = source;
    this.#side = isCoarse(plane) ? COARSE_SIDE : 1;
    this.canvas = new OffscreenCanvas(plane.pageColumns * this.#side, plane.pageRows * this.#side);
    this.#image = new ImageData(this.canvas.width, this.canvas.height);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
    this.#ramp = palette.ramp(STEPS, 1);
    this.#blockColors = Uint32Array.from({ length: BLOCK_CELLS + 1 }, (_, count) =>
      this.#colorOf(Math.min(1, count / (BLOCK_CELLS - 1))),
    );
    this.#unknown = palette.unknown;
  }

  /** The page has changed. */
  update(page: number): void {
    this.#stale.add(page);
  }

  image(): OffscreenCanvas {
    const context = contextOf(this.canvas);
    if (this.#isNew) {
      for (let page = 0; page < this.#plane.pages; page++) this.#draw(page);
      context.putImageData(this.#image, 0, 0);
      this.#isNew = false;
      this.#stale.clear();
    }
    let drawn = 0;
    for (const page of this.#stale) {
      if (drawn++ === PAGES_PER_FRAME && this.#side > 1) break;
      this.#stale.delete(page);
      const { x, y } = this.#draw(page);
      context.putImageData(this.#image, 0, 0, x, y, this.#side, this.#side);
    }
    return this.canvas;
  }

  #draw(page: number) {
    const place = placeOfPage(page);
    const [x, y] = [place.x * this.#side, place.y * this.#side];
    const share = this.#source.shareOf(page);
    const coarse = this.#side > 1 && share ? this.#source.coarseOf(page) : undefined;
    const color = share === undefined ? this.#unknown : this.#colorOf(share);
    const cells = cellsInPage(this.#plane.size, page);
    for (let block = 0; block < this.#side ** 2; block++) {
      const [across, down] = [block % this.#side, Math.floor(block / this.#side)];
      const first = (down * PAGE_SIDE + across) * (PAGE_SIDE / this.#side);
      const pixel = (y + down) * this.canvas.width + x + across;
      // Nothing is drawn after the last cell.
      if (first >= cells) this.#pixels[pixel] = 0;
      else this.#pixels[pixel] = coarse ? (this.#blockColors[coarse[block] ?? 0] ?? 0) : color;
    }
    return { x, y };
  }

  #colorOf(share: number): number {
    return this.#ramp[Math.ceil(toneOf(share) * STEPS)] ?? 0;
  }
}

/**
 * How strongly a density is shown, 0 … 1. The logarithm separates a hundred cells among 65,536
 * from one. The root separates half full from full. Even one cell stands out among empty pages.
 */
export function toneOf(share: number): number {
  if (share === 0) return 0;
  const tone = 0.7 * (Math.log1p(share * PAGE_CELLS) / Math.log1p(PAGE_CELLS)) + 0.3 * Math.sqrt(share);
  return TONE_MIN + (1 - TONE_MIN) * tone;
}
