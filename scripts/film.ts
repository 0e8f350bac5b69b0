/*
 * An animated GIF, made of screenshots. After the first, only the changed pixels are added, with a
 * palette of their own, so that a colour that appears late is right.
 */

import gifenc from "gifenc";
import { PNG } from "pngjs";

const { GIFEncoder, quantize, applyPalette } = gifenc;
const COLORS_MAX = 63;

export class Film {
  readonly #gif = GIFEncoder();
  /** The previous picture, a number for each pixel. */
  #last: Uint32Array | undefined;

  /** Adds a picture that is shown for `delay` ms. */
  add(screenshot: Buffer, delay: number): void {
    const { data, width, height } = PNG.sync.read(screenshot);
    const pixels = new Uint32Array(new Uint8Array(data).buffer);
    const last = this.#last;
    const changed = last ? pixels.filter((pixel, at) => pixel !== last[at]) : pixels;
    const rgba = new Uint8Array(changed.buffer);
    const colors = changed.length > 0 ? quantize(rgba, COLORS_MAX) : [];
    const palette = [...colors, [0, 0, 0]];
    const transparentIndex = colors.length;
    const index = new Uint8Array(pixels.length).fill(transparentIndex);
    if (colors.length > 0) {
      const indexes = applyPalette(rgba, colors);
      let next = 0;
      for (const [at, pixel] of pixels.entries()) if (pixel !== last?.[at]) index[at] = indexes[next++] ?? 0;
    }
    this.#last = pixels;
    this.#gif.writeFrame(index, width, height, { palette, delay, transparent: true, transparentIndex, dispose: 1 });
  }

  bytes(): Uint8Array {
    this.#gif.finish();
    return this.#gif.bytes();
  }
}
