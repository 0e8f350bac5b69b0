/*
 * The whole board in a corner: how full each page is, where things are happening, where others are
 * looking, and what is in view. A press or a drag moves the view there.
 */

import { PAGE_SIDE, placeOfPage } from "../../board/plane.js";
import type { CanvasBoard } from "./canvas-board.js";
import { contextOf } from "./paint/context.js";
import { paintHeat } from "./paint/heat.js";
import { seenArea } from "./view/camera.js";

const SIDE_PX_MAX = 148;
const EVERY_MS = 120;
/** A press while the whole board is in view zooms in by this factor. */
const NEARER = 8;
/** Radius of the dot where someone else is looking. */
const LOOKING_PX = 2;

export class Minimap {
  readonly #canvas: HTMLCanvasElement;
  readonly #board: CanvasBoard;
  readonly #abort = new AbortController();
  readonly #pagePx: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #drawnMs = Number.NEGATIVE_INFINITY;

  /** `jumps` is called before a press moves the view. */
  constructor(canvas: HTMLCanvasElement, board: CanvasBoard, jumps: () => void) {
    this.#canvas = canvas;
    this.#board = board;
    const { plane } = board.viewport;
    this.#pagePx = SIDE_PX_MAX / Math.max(plane.pageColumns, plane.pageRows);
    canvas.style.width = `${plane.pageColumns * this.#pagePx}px`;
    canvas.style.height = `${plane.pageRows * this.#pagePx}px`;
    const { signal } = this.#abort;
    canvas.addEventListener(
      "pointerdown",
      (event) => {
        canvas.setPointerCapture(event.pointerId);
        jumps();
        this.#travel(event);
      },
      { signal },
    );
    canvas.addEventListener("pointermove", (event) => event.buttons & 1 && this.#travel(event), { signal });
  }

  draw(nowMs: number): void {
    if (nowMs - this.#drawnMs < EVERY_MS) {
      this.#timer ??= setTimeout(() => this.draw(performance.now()), EVERY_MS);
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#drawnMs = nowMs;
    const { viewport, pages, palette } = this.#board;
    const { density } = viewport.view;
    const pagePx = this.#pagePx * density;
    const width = Math.round(viewport.plane.pageColumns * pagePx);
    const height = Math.round(viewport.plane.pageRows * pagePx);
    if (this.#canvas.width !== width || this.#canvas.height !== height) {
      this.#canvas.width = width;
      this.#canvas.height = height;
    }
    const context = contextOf(this.#canvas);
    const image = pages.map.image();
    context.imageSmoothingEnabled = image.width > width;
    context.clearRect(0, 0, width, height);
    context.drawImage(image, 0, 0, width, height);
    const middleOf = (page: number) => {
      const { x, y } = placeOfPage(page);
      return { x: (x + 0.5) * pagePx, y: (y + 0.5) * pagePx };
    };
    paintHeat(context, this.#board.activity.all(nowMs), middleOf, pagePx, palette.flash, density);
    context.fillStyle = palette.focus;
    for (const page of pages.densities.looking(nowMs)) {
      const { x, y } = middleOf(page);
      context.beginPath();
      context.arc(x, y, LOOKING_PX * density, 0, 2 * Math.PI);
      context.fill();
    }
    this.#frame(context, pagePx, density);
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#abort.abort();
  }

  #frame(context: CanvasRenderingContext2D, pagePx: number, density: number): void {
    const { viewport, palette } = this.#board;
    const { left, top, right, bottom } = seenArea(viewport.camera, viewport.view);
    const line = 2 * density;
    const least = 6 * density;
    const toPx = (cells: number) => (cells / PAGE_SIDE) * pagePx;
    const bound = (px: number, most: number) => Math.max(line / 2, Math.min(most - line / 2, px));
    const [x, y] = [bound(toPx(left), this.#canvas.width), bound(toPx(top), this.#canvas.height)];
    const width = Math.max(least, bound(toPx(right), this.#canvas.width) - x);
    const height = Math.max(least, bound(toPx(bottom), this.#canvas.height) - y);
    context.strokeStyle = palette.text;
    context.lineWidth = line;
    context.strokeRect(x, y, width, height);
  }

  #travel(event: PointerEvent): void {
    const { left, top, width, height } = this.#canvas.getBoundingClientRect();
    const { viewport } = this.#board;
    this.#board.travel.to({
      x: ((event.clientX - left) / width) * viewport.plane.pageColumns * PAGE_SIDE,
      y: ((event.clientY - top) / height) * viewport.plane.pageRows * PAGE_SIDE,
      scale: viewport.isFitted ? viewport.camera.scale * NEARER : viewport.target.scale,
    });
  }
}
