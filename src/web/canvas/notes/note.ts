/*
 * A note at a cell. It lives in the browser's top layer, so that nothing clips it, and follows its
 * cell.
 */

import type { View } from "../view/camera.js";

const GAP_PX = 8;
const EDGE_PX = 8;
/**
 * Its size, and where the surface and floats are, is measured for each view, and this often:
 * measuring makes the browser lay out.
 */
const MEASURED_MS = 500;
/** A note covers none of these if there is room for it elsewhere. */
const FLOATS = ".header, .access, .tools, .fill-status, .stage-panels > *";

/** Where a cell is, in CSS pixels from the surface's corner. */
export interface CellPlace {
  readonly x: number;
  readonly y: number;
  readonly side: number;
  /** Another one after each change of the surface's size, which may also have moved it. */
  readonly view: View;
}

export class Note {
  readonly #surface: HTMLElement;
  readonly #note = document.createElement("div");
  #isShown = false;
  #room: ReturnType<typeof measure> | undefined;

  constructor(surface: HTMLElement, kind: "refusal-note" | "hold-note") {
    this.#surface = surface;
    this.#note.className = `cell-note ${kind}`;
    this.#note.translate = false;
    this.#note.dataset.testid = kind;
    this.#note.popover = "manual";
    (surface.closest(".main") ?? document.body).append(this.#note);
  }

  get isShown(): boolean {
    return this.#isShown;
  }

  show(place: CellPlace, text: string): void {
    if (this.#note.textContent !== text) {
      this.#note.textContent = text;
      this.#room = undefined;
    }
    if (!this.#isShown) this.#note.showPopover();
    this.#isShown = true;
    this.move(place);
  }

  /** Moves a shown note above or below its cell. Hides it while the cell is out of view. */
  move({ x, y, side, view }: CellPlace): void {
    if (!this.#isShown) return;
    if (this.#room?.view !== view || performance.now() - this.#room.atMs > MEASURED_MS) {
      this.#room = measure(this.#note, this.#surface, view);
    }
    const { width, height, leftMax, topMax, floats, surface } = this.#room;
    const cellTop = surface.top + y;
    const center = surface.left + x + side / 2;
    const left = inPixels(Math.max(EDGE_PX, Math.min(leftMax, center - width / 2)));
    const above = cellTop - height - GAP_PX;
    const below = cellTop + side + GAP_PX;
    const isFree = (top: number) =>
      top >= EDGE_PX &&
      top <= topMax &&
      !floats.some(
        (float) => left < float.right && left + width > float.left && top < float.bottom && top + height > float.top,
      );
    const isAbove = isFree(above) || (above >= EDGE_PX && !isFree(below));
    const top = inPixels(isAbove ? above : below);
    this.#note.dataset.side = isAbove ? "above" : "below";
    this.#note.style.translate = `${left}px ${top}px`;
    this.#note.style.setProperty("--tip", `${center - left}px`);
    this.#note.style.visibility = y + side < 0 || y > surface.height ? "hidden" : "visible";
  }

  hide(): void {
    if (!this.#isShown) return;
    this.#isShown = false;
    this.#room = undefined;
    this.#note.hidePopover();
  }

  close(): void {
    this.hide();
    this.#note.remove();
  }
}

/** Whole device pixels: between them, lines would be blurred. */
function inPixels(px: number): number {
  return Math.round(px * devicePixelRatio) / devicePixelRatio;
}

function measure(note: HTMLElement, surface: HTMLElement, view: View) {
  const { width, height } = note.getBoundingClientRect();
  return {
    view,
    atMs: performance.now(),
    width,
    height,
    leftMax: document.documentElement.clientWidth - width - EDGE_PX,
    topMax: innerHeight - height - EDGE_PX,
    floats: Array.from(document.querySelectorAll(FLOATS), (float) => float.getBoundingClientRect()),
    surface: surface.getBoundingClientRect(),
  };
}
