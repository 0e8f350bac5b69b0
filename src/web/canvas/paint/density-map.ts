/* The whole board with one pixel per page, for the minimap and for a canvas of tiny cells. */

import { PAGE_CELLS } from "../../../board/geometry.js";
import { type Plane, placeOfPage } from "../view/plane.js";
import { contextOf } from "./context.js";
import type { Palette } from "./palette.js";

const STEPS = 255;
const TONE_MIN = 0.18;

export class DensityMap {
  readonly canvas: OffscreenCanvas;
  readonly #plane: Plane;
  readonly #image: ImageData;
  readonly #pixels: Uint32Array;
  readonly #ramp: Uint32Array;
  readonly #unknown: number;
  #isStale = true;

  constructor(plane: Plane, palette: Palette, shareOf: (page: number) => number | undefined) {
    this.#plane = plane;
    this.canvas = new OffscreenCanvas(plane.pageColumns, plane.pageRows);
    this.#image = new ImageData(plane.pageColumns, plane.pageRows);
    this.#pixels = new Uint32Array(this.#image.data.buffer);
    this.#ramp = palette.ramp(STEPS, 1);
    this.#unknown = palette.unknown;
    for (let page = 0; page < plane.pages; page++) this.set(page, shareOf(page));
  }

  set(page: number, share: number | undefined): void {
    const { x, y } = placeOfPage(page);
    const color = share === undefined ? this.#unknown : (this.#ramp[Math.ceil(toneOf(share) * STEPS)] ?? 0);
    this.#pixels[y * this.#plane.pageColumns + x] = color;
    this.#isStale = true;
  }

  image(): OffscreenCanvas {
    if (this.#isStale) contextOf(this.canvas).putImageData(this.#image, 0, 0);
    this.#isStale = false;
    return this.canvas;
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
