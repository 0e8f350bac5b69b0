/* An animated GIF, made of screenshots. After the first, only the changed pixels are added. */

import gifenc from "gifenc";
import { PNG } from "pngjs";

const { GIFEncoder, quantize, applyPalette } = gifenc;
const COLORS_MAX = 63;

export class Film {
  readonly #gif = GIFEncoder();
  #palette: number[][] | undefined;
  /** The palette indexes of the previous picture. */
  #last: Uint8Array | undefined;

  /** Adds a picture that is shown for `delay` ms. */
  add(screenshot: Buffer, delay: number): void {
    const { data, width, height } = PNG.sync.read(screenshot);
    this.#palette ??= [...quantize(data, COLORS_MAX), [0, 0, 0]];
    const palette = this.#palette;
    const transparentIndex = palette.length - 1;
    const index = applyPalette(data, palette.slice(0, -1));
    const shown = index.slice();
    this.#last?.forEach((color, pixel) => {
      if (color === index[pixel]) index[pixel] = transparentIndex;
    });
    this.#last = shown;
    this.#gif.writeFrame(index, width, height, { palette, delay, transparent: true, transparentIndex, dispose: 1 });
  }

  bytes(): Uint8Array {
    this.#gif.finish();
    return this.#gif.bytes();
  }
}
