/*
 * Gestures as actions on the board. A tap checks the cell, or zooms in if cells are too small to
 * hit. A drag draws with the current tool, or moves the view.
 */

import { toPlane } from "../view/camera.js";
import { cellAt, type Point } from "../view/plane.js";
import type { Viewport } from "../view/viewport.js";
import type { Brush } from "./brush.js";
import { Gestures } from "./gestures.js";

interface PointerListener {
  changed(): void;
  pointed(cell: number | undefined): void;
  chosen(cell: number): void;
  drawn(): void;
}

/**
 * The smallest cells, in CSS pixels, that can be tapped and drawn. On smaller ones a tap zooms in.
 */
const TAP_FROM_PX = 4;
const DRAW_FROM_PX = 1;
const ZOOM_IN_PX = 24;
const ZOOM_IN_MIN = 4;

export class Pointer {
  readonly #viewport: Viewport;
  readonly #brush: Brush;
  readonly #listener: PointerListener;
  readonly #gestures: Gestures;
  #hovered: Point | undefined;
  #reported: number | undefined;

  constructor(element: HTMLElement, viewport: Viewport, brush: Brush, listener: PointerListener) {
    this.#viewport = viewport;
    this.#brush = brush;
    this.#listener = listener;
    this.#gestures = new Gestures(element, {
      hovered: (point) =>
        this.#change(() => {
          this.#hovered = point;
        }),
      tapped: (point) => this.#tap(point),
      strokeStarts: (point) => viewport.camera.scale >= DRAW_FROM_PX && brush.start(this.#placeAt(point)),
      stroked: (point) => this.#change(() => brush.moveTo(this.#placeAt(point))),
      strokeEnds: () => {
        brush.end();
        listener.drawn();
      },
      strokeBreaksOff: () => {
        brush.breakOff();
        listener.drawn();
      },
      panned: (dx, dy) => this.#change(() => viewport.pan(dx, dy)),
      thrown: (velocity) => this.#change(() => viewport.throwBy(velocity)),
      pinched: (point, factor) => this.#change(() => viewport.zoom(point, factor)),
      pinchEnds: (point) => this.#change(() => viewport.settle(point)),
      wheeled: (point, factor) => this.#change(() => viewport.wheel(point, factor)),
    });
  }

  get hovered(): number | undefined {
    return this.#hovered && this.#cellAt(this.#hovered);
  }

  /** Call it after the view has moved, which may put another cell under a resting pointer. */
  follow(): void {
    const cell = this.hovered;
    if (cell === this.#reported) return;
    this.#reported = cell;
    this.#listener.pointed(cell);
  }

  close(): void {
    this.#gestures.close();
  }

  #change(change: () => void): void {
    change();
    this.#listener.changed();
  }

  #tap(point: Point): void {
    const { scale } = this.#viewport.camera;
    if (scale < (this.#brush.tool === "move" ? TAP_FROM_PX : DRAW_FROM_PX)) {
      const factor = Math.max(ZOOM_IN_MIN, Math.min(ZOOM_IN_PX, ZOOM_IN_PX / scale));
      this.#change(() => this.#viewport.step(factor, performance.now(), point));
      return;
    }
    const cell = this.#cellAt(point);
    if (cell === undefined) return;
    if (this.#brush.tool === "erase") this.#brush.setAll([cell], false);
    else this.#brush.toggle(cell);
    this.#listener.chosen(cell);
    this.#listener.drawn();
  }

  #cellAt(point: Point): number | undefined {
    return cellAt(this.#viewport.plane, this.#placeAt(point));
  }

  #placeAt(point: Point): Point {
    const { x, y } = toPlane(this.#viewport.camera, this.#viewport.view, point);
    return { x: Math.floor(x), y: Math.floor(y) };
  }
}
