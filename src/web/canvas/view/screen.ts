/* Places what is drawn in one frame, in whole device pixels, so that edges are sharp and meet. */

import { type Area, type Camera, seenArea, type View } from "./camera.js";

const ROUNDING_PX = 1e-6;

export class Screen {
  readonly cellPx: number;
  readonly cellCssPx: number;
  readonly density: number;
  readonly width: number;
  readonly height: number;
  readonly area: Area;
  readonly #left: number;
  readonly #top: number;

  constructor(camera: Camera, view: View) {
    this.density = view.density;
    this.cellCssPx = camera.scale;
    const cellPx = camera.scale * view.density;
    const whole = Math.round(cellPx);
    // Removes the rounding error of the multiplication.
    this.cellPx = Math.abs(cellPx - whole) < ROUNDING_PX ? whole : cellPx;
    this.width = Math.round(view.width * view.density);
    this.height = Math.round(view.height * view.density);
    this.area = seenArea(camera, view);
    this.#left = Math.round(this.width / 2 - camera.x * this.cellPx);
    this.#top = Math.round(this.height / 2 - camera.y * this.cellPx);
  }

  left(x: number): number {
    return this.#left + Math.round(x * this.cellPx);
  }

  top(y: number): number {
    return this.#top + Math.round(y * this.cellPx);
  }
}
