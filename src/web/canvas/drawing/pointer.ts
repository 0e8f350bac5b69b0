/*
 * Gestures as actions on the board. A tap changes the cell, and a drag draws with the current tool
 * or moves the view. If cells are too small to hit, both zoom in and say so.
 */

import { cellAt, type Point } from "../../../board/plane.js";
import { toPlane } from "../view/camera.js";
import type { Viewport } from "../view/viewport.js";
import type { Brush } from "./brush.js";
import { Gestures, type Press } from "./gestures.js";

interface PointerListener {
  changed(): void;
  pointed(cell: number | undefined): void;
  chosen(cell: number): void;
  drawn(): void;
  /** Cells are too small for the tool. The view zooms in at this one. */
  tooSmall(cell: number): void;
}

/** The smallest cells, in CSS pixels, that can be tapped and drawn. */
const TAP_FROM_PX = 4;
const TOUCH_FROM_PX = 8;
const DRAW_FROM_PX = 1;
const ZOOM_IN_PX = 24;
const DRAW_ZOOM_IN_PX = 12;
const ZOOM_IN_MIN = 4;

export class Pointer {
  readonly #viewport: Viewport;
  readonly #brush: Brush;
  readonly #listener: PointerListener;
  readonly #gestures: Gestures;
  #hovered: Point | undefined;
  /** The last cell of the stroke in progress. */
  #drawnLast: number | undefined;
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
      tapped: (point, press) => this.#tap(point, press),
      dragStarts: (point, press) => this.#start(point, press),
      stroked: (point) => this.#change(() => this.#stroke(point)),
      strokeEnds: () => {
        // Escape may have cancelled it.
        const last = brush.isDrawing ? this.#drawnLast : undefined;
        brush.end();
        if (last !== undefined) listener.chosen(last);
        listener.drawn();
      },
      strokeBreaksOff: () => {
        brush.breakOff();
        listener.drawn();
      },
      strokeCancelled: () => {
        brush.cancel();
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

  resized(): void {
    this.#gestures.resized();
  }

  close(): void {
    this.#gestures.close();
  }

  #change(change: () => void): void {
    change();
    this.#listener.changed();
  }

  #start(point: Point, { isEraser }: Press): "stroke" | "pan" | "nothing" {
    if (this.#brush.tool === "move" && !isEraser) return "pan";
    const { scale } = this.#viewport.camera;
    if (scale < DRAW_FROM_PX) {
      this.#zoomIn(point, DRAW_ZOOM_IN_PX / scale);
      return "nothing";
    }
    this.#drawnLast = undefined;
    return this.#brush.start(this.#placeAt(point), isEraser) ? "stroke" : "pan";
  }

  #stroke(point: Point): void {
    // After Escape, the finger or button may still be down.
    if (!this.#brush.isDrawing) return;
    this.#brush.moveTo(this.#placeAt(point));
    this.#hovered = point;
    this.#drawnLast = this.#cellAt(point) ?? this.#drawnLast;
  }

  #tap(point: Point, { isTouch, isEraser }: Press): void {
    const { scale } = this.#viewport.camera;
    const isTool = this.#brush.tool !== "move" || isEraser;
    const least = isTouch ? TOUCH_FROM_PX : TAP_FROM_PX;
    if (scale < (isTool ? DRAW_FROM_PX : least)) {
      this.#zoomIn(point, Math.max(ZOOM_IN_MIN, Math.min(ZOOM_IN_PX, ZOOM_IN_PX / scale)));
      return;
    }
    const cell = this.#cellAt(point);
    if (cell === undefined) return;
    this.#brush.tap(cell, isEraser);
    this.#listener.chosen(cell);
    this.#listener.drawn();
  }

  #zoomIn(point: Point, factor: number): void {
    this.#change(() => this.#viewport.step(factor, performance.now(), point));
    const cell = this.#cellAt(point);
    if (cell !== undefined) this.#listener.tooSmall(cell);
  }

  #cellAt(point: Point): number | undefined {
    return cellAt(this.#viewport.plane, this.#placeAt(point));
  }

  #placeAt(point: Point): Point {
    const { x, y } = toPlane(this.#viewport.camera, this.#viewport.view, point);
    return { x: Math.floor(x), y: Math.floor(y) };
  }
}
