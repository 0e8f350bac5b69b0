/*
 * What gestures mean on the board: a tap checks the cell, or zooms in where cells are too small to be meant; a drag draws with
 * the tool in hand, or moves the view.
 */

import { toPlane } from "../view/camera.js";
import { cellAt, type Point } from "../view/plane.js";
import type { Viewport } from "../view/viewport.js";
import type { Brush } from "./brush.js";
import { Gestures } from "./gestures.js";

export interface PointerListener {
  /** Something looks different. */
  changed(): void;
  /** Another cell is under the pointer, or none. */
  pointed(cell: number | undefined): void;
  /** A cell was tapped. */
  chosen(cell: number): void;
  /** There may be another stroke to undo. */
  drawn(): void;
}

/** CSS pixels of a cell from which a tap checks it, and from which tools draw; below, a tap zooms in. */
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
  #told: number | undefined;

  constructor(element: HTMLElement, viewport: Viewport, brush: Brush, listener: PointerListener) {
    this.#viewport = viewport;
    this.#brush = brush;
    this.#listener = listener;
    this.#gestures = new Gestures(element, {
      hovered: (point) => this.#hover(point),
      tapped: (point) => this.#tap(point),
      strokeStarts: (point) => viewport.camera.scale >= DRAW_FROM_PX && brush.start(this.#placeAt(point)),
      stroked: (point) => {
        brush.moveTo(this.#placeAt(point));
        listener.changed();
      },
      strokeEnds: () => {
        brush.end();
        listener.drawn();
      },
      strokeBreaksOff: () => {
        brush.breakOff();
        listener.drawn();
      },
      panned: (dx, dy) => {
        viewport.pan(dx, dy);
        listener.changed();
      },
      thrown: (velocity) => {
        viewport.throwBy(velocity);
        listener.changed();
      },
      pinched: (point, factor) => {
        viewport.zoom(point, factor);
        listener.changed();
      },
      pinchEnds: (point) => {
        viewport.settle(point);
        listener.changed();
      },
      wheeled: (point, factor) => {
        viewport.wheel(point, factor);
        listener.changed();
      },
    });
  }

  /** The cell under it, wherever the view has moved meanwhile. */
  get hovered(): number | undefined {
    return this.#hovered && this.#cellAt(this.#hovered);
  }

  /** After the view moved: another cell may have come under a pointer that stands still. */
  tell(): void {
    const cell = this.hovered;
    if (cell === this.#told) return;
    this.#told = cell;
    this.#listener.pointed(cell);
  }

  close(): void {
    this.#gestures.close();
  }

  #hover(point: Point | undefined): void {
    this.#hovered = point;
    this.#listener.changed();
  }

  #tap(point: Point): void {
    const { scale } = this.#viewport.camera;
    if (scale < (this.#brush.tool === "move" ? TAP_FROM_PX : DRAW_FROM_PX)) {
      const factor = Math.max(ZOOM_IN_MIN, Math.min(ZOOM_IN_PX, ZOOM_IN_PX / scale));
      this.#viewport.step(factor, performance.now(), point);
      this.#listener.changed();
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
