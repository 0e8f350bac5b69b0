/*
 * Keeps the address bar at the place looked at, so that it can be sent to someone; a jump becomes a step of the browser's
 * history, so that "back" returns. Written only when the view rests: browsers refuse it many times a second.
 */

import type { CanvasBoard } from "./canvas-board.js";
import { formatPlace, parsePlace } from "./place-link.js";
import { cellAt, type Plane, placeOf } from "./plane.js";

const REST_MS = 250;

export class PlaceHistory {
  readonly #board: CanvasBoard;
  readonly #plane: Plane;
  readonly #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #written: string;

  constructor(board: CanvasBoard, plane: Plane) {
    this.#board = board;
    this.#plane = plane;
    this.#written = location.hash;
    const { signal } = this.#abort;
    window.addEventListener("popstate", () => this.#follow(), { signal });
    this.#follow();
  }

  /** The view moved, or may have. */
  moved(): void {
    if (this.#place() === this.#written || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#board.viewport.isMoving) this.moved();
      else this.#write();
    }, REST_MS);
  }

  /** Called before the view jumps: what follows is a new step. */
  jumps(): void {
    this.#write();
    history.pushState(null, "", location.href);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  #write(): void {
    const place = this.#place();
    if (place === this.#written || place === undefined) return;
    this.#written = place;
    history.replaceState(null, "", place === "" ? location.pathname + location.search : place);
  }

  /** As a link; nothing where the whole board is seen, undefined over a hole of the plane. */
  #place(): string | undefined {
    const { viewport } = this.#board;
    if (viewport.isFitted) return "";
    const { x, y, scale } = viewport.camera;
    const cell = cellAt(this.#plane, { x: Math.floor(x), y: Math.floor(y) });
    return cell === undefined ? undefined : formatPlace(cell, scale);
  }

  #follow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#written = location.hash;
    const place = parsePlace(location.hash, this.#plane.size);
    if (!place) {
      this.#board.fit();
      return;
    }
    const { x, y } = placeOf(place.cell);
    const { scale } = this.#board.viewport.target;
    this.#board.flyTo({ x: x + 0.5, y: y + 0.5, scale: place.scale ?? Math.max(scale, 24) });
  }
}
