/*
 * Keeps the place in view in the address bar, as a link to share. A jump adds a step to the
 * browser's history, so that "back" returns. It writes only when the view rests, since browsers
 * limit the rate.
 *
 * The box that a link names is marked until the user acts. Then the mark fades.
 */

import { cellAt, type Plane, placeOf } from "../../board/plane.js";
import { formatPlace, parsePlace } from "../address/place-link.js";
import type { CanvasBoard } from "./canvas-board.js";
import type { Camera } from "./view/camera.js";

const REST_MS = 250;
/** The whole board, if that is not the first view. */
const WHOLE = "#all";
const ACTIONS = ["pointerdown", "keydown", "wheel"];
/** The smallest cells, in CSS pixels, for a link without a zoom. */
const LINK_PX = 24;

export class PlaceHistory {
  readonly #board: CanvasBoard;
  readonly #abort = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #written: string;
  /** The place of the last frame. */
  #seen: string | undefined;

  constructor(board: CanvasBoard) {
    this.#board = board;
    this.#written = location.hash;
    const { signal } = this.#abort;
    window.addEventListener("popstate", () => this.#follow(), { signal });
    // On the way down, since some keys and presses are used up by an element.
    const options = { signal, capture: true, passive: true };
    for (const action of ACTIONS) window.addEventListener(action, () => this.#fade(), options);
    this.#mark();
  }

  /** Call it after each frame. */
  moved(): void {
    const place = this.#place();
    const isMoved = place !== this.#seen;
    this.#seen = place;
    if (place === this.#written || (this.#timer !== undefined && !isMoved)) return;
    // A step in the address takes the browser some milliseconds. So it waits until the view rests.
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      if (this.#board.viewport.isMoving) this.moved();
      else this.#write();
    }, REST_MS);
  }

  /** Call it before the view jumps. */
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

  /** As a link; undefined over a hole of the plane. */
  #place(): string | undefined {
    const { viewport } = this.#board;
    if (viewport.isFitted) return this.#board.firstCamera ? WHOLE : "";
    const { x, y, scale } = viewport.camera;
    const cell = cellAt(viewport.plane, { x: Math.floor(x), y: Math.floor(y) });
    return cell === undefined ? undefined : formatPlace(cell, scale);
  }

  #follow(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#written = location.hash;
    const { viewport } = this.#board;
    const linked = linkedCamera(viewport.plane, viewport.target.scale) ?? this.#board.firstCamera ?? "whole";
    if (linked === "whole") this.#board.travel.toAll();
    else this.#board.travel.to(linked);
    this.#mark();
  }

  #mark(): void {
    this.#board.linked = parsePlace(location.hash, this.#board.viewport.plane.size)?.cell;
    this.#board.draw();
  }

  #fade(): void {
    const { linked } = this.#board;
    if (linked === undefined) return;
    this.#board.linked = undefined;
    this.#board.mark(linked);
  }
}

/** The view that the address asks for; undefined if it does not name a place on the board. */
export function linkedCamera(plane: Plane, scaleNow = 0): Camera | "whole" | undefined {
  if (location.hash === WHOLE) return "whole";
  const place = parsePlace(location.hash, plane.size);
  if (!place) return undefined;
  const { x, y } = placeOf(plane, place.cell);
  return { x: x + 0.5, y: y + 0.5, scale: place.scale ?? Math.max(scaleNow, LINK_PX) };
}
