/* The canvas element: its size in pixels and its colours, both of which may change at any time. */

import type { View } from "../view/camera.js";
import { type Palette, readPalette } from "./palette.js";

export interface SurfaceListener {
  resized(view: View): void;
  recolored(palette: Palette): void;
}

const THEMES = ["(prefers-color-scheme: dark)", "(forced-colors: active)", "(prefers-contrast: more)"];

export class Surface {
  readonly #canvas: HTMLCanvasElement;
  readonly #listener: SurfaceListener;
  readonly #themes = THEMES.map((query) => matchMedia(query));
  readonly #resized = new ResizeObserver(() => this.resize());
  #resolution: MediaQueryList | undefined;
  #density: number | undefined;
  #palette: Palette;

  constructor(canvas: HTMLCanvasElement, listener: SurfaceListener, hasOwners = false) {
    this.#canvas = canvas;
    this.#listener = listener;
    this.#palette = readPalette(canvas, hasOwners);
    this.#resized.observe(canvas);
    for (const theme of this.#themes) theme.addEventListener("change", this.#rethemed);
    this.#watchResolution();
  }

  get palette(): Palette {
    return this.#palette;
  }

  resize(): void {
    const { width, height } = this.#canvas.getBoundingClientRect();
    if (width === 0 || height === 0) return;
    const density = window.devicePixelRatio;
    const [across, down] = [Math.round(width * density), Math.round(height * density)];
    // The observer's first report says what is known. A new size empties the canvas, even the same.
    const { width: before, height: beforeDown } = this.#canvas;
    if (this.#density === density && across === before && down === beforeDown) return;
    this.#density = density;
    this.#canvas.width = across;
    this.#canvas.height = down;
    this.#listener.resized({ width, height, density });
  }

  /** Sets whether what is checked looks like somebody's: see `own.ts`. */
  set hasOwners(hasOwners: boolean) {
    if (this.#palette.hasOwners !== hasOwners) this.#recolor(hasOwners);
  }

  close(): void {
    for (const theme of this.#themes) theme.removeEventListener("change", this.#rethemed);
    this.#resolution?.removeEventListener("change", this.#rescale);
    this.#resized.disconnect();
  }

  /**
   * A media query only reports that its resolution is gone. Each resolution needs its own query.
   */
  #watchResolution(): void {
    this.#resolution?.removeEventListener("change", this.#rescale);
    this.#resolution = matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
    this.#resolution.addEventListener("change", this.#rescale);
  }

  /** The window moved to another screen: the same size in other pixels. */
  readonly #rescale = () => {
    this.#watchResolution();
    this.resize();
  };

  readonly #rethemed = () => this.#recolor(this.#palette.hasOwners);

  #recolor(hasOwners: boolean): void {
    this.#palette = readPalette(this.#canvas, hasOwners);
    this.#listener.recolored(this.#palette);
  }
}
