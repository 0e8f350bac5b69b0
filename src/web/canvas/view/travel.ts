/* Moves the view in short flights, for keys, buttons and links. */

import { type Camera, pageCamera } from "./camera.js";
import type { Viewport } from "./viewport.js";

export class Travel {
  readonly #viewport: Viewport;
  readonly #draw: () => void;

  constructor(viewport: Viewport, draw: () => void) {
    this.#viewport = viewport;
    this.#draw = draw;
  }

  to(camera: Camera): void {
    this.#viewport.flyTo(camera, performance.now());
    this.#draw();
  }

  toPage(page: number): void {
    this.to(pageCamera(page, this.#viewport.view));
  }

  toAll(): void {
    this.#viewport.fit(performance.now());
    this.#draw();
  }

  zoom(factor: number): void {
    this.#viewport.step(factor, performance.now());
    this.#draw();
  }

  /** Moves by CSS pixels. */
  pan(dx: number, dy: number): void {
    const { x, y, scale } = this.#viewport.target;
    this.to({ x: x + dx / scale, y: y + dy / scale, scale });
  }
}
