/* The canvas element as a surface to draw on: its size in pixels and its colours, both of which may change at any time. */

import type { View } from "./camera.js";
import { type Palette, readPalette } from "./palette.js";

export interface SurfaceListener {
  /** The canvas has another size, and is empty. */
  resized(view: View): void;
  recolored(palette: Palette): void;
}

const THEMES = ["(prefers-color-scheme: dark)", "(forced-colors: active)", "(prefers-contrast: more)"];

export class Surface {
  readonly #canvas: HTMLCanvasElement;
  readonly #listener: SurfaceListener;
  readonly #themes = THEMES.map((query) => matchMedia(query));
  readonly #resized = new ResizeObserver(() => this.resize());
  #palette: Palette;

  constructor(canvas: HTMLCanvasElement, listener: SurfaceListener) {
    this.#canvas = canvas;
    this.#listener = listener;
    this.#palette = readPalette(canvas);
    this.#resized.observe(canvas);
    for (const theme of this.#themes) theme.addEventListener("change", this.#recolor);
  }

  get palette(): Palette {
    return this.#palette;
  }

  resize(): void {
    const { width, height } = this.#canvas.getBoundingClientRect();
    if (width === 0 || height === 0) return;
    const density = window.devicePixelRatio;
    this.#canvas.width = Math.round(width * density);
    this.#canvas.height = Math.round(height * density);
    this.#listener.resized({ width, height, density });
  }

  close(): void {
    for (const theme of this.#themes) theme.removeEventListener("change", this.#recolor);
    this.#resized.disconnect();
  }

  readonly #recolor = () => {
    this.#palette = readPalette(this.#canvas);
    this.#listener.recolored(this.#palette);
  };
}
