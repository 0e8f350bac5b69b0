/*
 * A large board on a canvas. Ties the parts: the viewport says what is seen, the shown pages hold it, the painters draw it,
 * gestures and brush change it. It draws at most once for each frame of the screen, and only when something looks different.
 */

import { createNanoEvents } from "nanoevents";
import type { Board, CellChange, RefusedChange } from "../../client/index.js";
import type { PendingCells } from "../pending-cells.js";
import { Activity } from "./activity.js";
import { Brush, type Tool } from "./brush.js";
import { type Camera, toPlane, toView } from "./camera.js";
import { contextOf } from "./context.js";
import { Gestures } from "./gestures.js";
import { Marks } from "./marks.js";
import { paintCells } from "./paint-cells.js";
import { paintMarks } from "./paint-marks.js";
import { paintPages } from "./paint-pages.js";
import { type Palette, readPalette } from "./palette.js";
import { cellAt, type Plane, type Point, placeOf } from "./plane.js";
import { Screen } from "./screen.js";
import { ShownPages } from "./shown-pages.js";
import { Viewport } from "./viewport.js";

export interface CanvasBoardEvents {
  /** A frame was drawn: what depends on the view can follow. */
  drawn: (nowMs: number) => void;
  /** The cell under the pointer. */
  pointed: (cell: number | undefined) => void;
  /** A cell was tapped or clicked. */
  chosen: (cell: number) => void;
  /** Another tool, or other strokes to undo. */
  tools: () => void;
  changed: (changes: readonly CellChange[]) => void;
}

export interface CanvasBoardOptions {
  readonly board: Board;
  readonly pending: PendingCells;
  readonly plane: Plane;
}

const FADE_MS = 180;
const HOUSEKEEPING_MS = 1_000;
/** CSS pixels of a cell from which a tap sets it; below, it zooms in. */
const TOUCH_FROM_PX = 4;
const DRAW_FROM_PX = 1;
/** A change that takes shorter is not seen to wait. */
const WAIT_SHOWN_MS = 200;
const WAITING_SHOWN_MAX = 1_000;
const ZOOM_IN_PX = 24;

export class CanvasBoard {
  readonly viewport: Viewport;
  readonly pages: ShownPages;
  readonly marks = new Marks();
  readonly brush: Brush;
  readonly activity: Activity;
  readonly #events = createNanoEvents<CanvasBoardEvents>();
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #options: CanvasBoardOptions;
  readonly #gestures: Gestures;
  readonly #resized: ResizeObserver;
  readonly #media: readonly MediaQueryList[];
  readonly #still = matchMedia("(prefers-reduced-motion: reduce)");
  readonly #housekeeping: ReturnType<typeof setInterval>;
  readonly #recolor = () => this.recolor();
  readonly #waiting = new Map<number, number>();
  #palette: Palette;
  #hovered: Point | undefined;
  #frame: number | undefined;

  constructor(canvas: HTMLCanvasElement, options: CanvasBoardOptions) {
    const { board, pending, plane } = options;
    this.#canvas = canvas;
    this.#context = contextOf(canvas);
    this.#options = options;
    this.#palette = readPalette(canvas);
    this.viewport = new Viewport(plane, () => this.#still.matches);
    this.activity = new Activity();
    this.pages = new ShownPages(board, plane, this.#palette, {
      changed: () => this.draw(),
      cellsChanged: (changes) => this.#changed(changes),
      pagesChanged: (pages) => {
        for (const page of pages) this.activity.add(page, undefined, performance.now());
      },
    });
    this.brush = new Brush({
      plane,
      read: (cell) => this.pages.get(cell),
      set: (cell, value) => {
        this.marks.remove("refused", cell);
        pending.set(cell, value);
      },
      fillCellsMax: () => board.limits?.writeCellsMax ?? 1,
    });
    pending.onChange = (cell, isPending) => {
      if (isPending) this.#waiting.set(cell, performance.now());
      else this.#waiting.delete(cell);
      this.draw();
    };
    this.#gestures = new Gestures(canvas, {
      hovered: (point) => this.#hover(point),
      tapped: (point) => this.#tapped(point),
      strokeStarts: (point) => this.#strokeStarts(point),
      stroked: (point) => {
        this.brush.moveTo(this.#wholePlace(point));
        this.draw();
      },
      strokeEnds: () => {
        this.brush.end();
        this.#events.emit("tools");
        this.draw();
      },
      panned: (dx, dy) => this.#moved(() => this.viewport.pan(dx, dy)),
      thrown: (velocity) => this.#moved(() => this.viewport.throwBy(velocity)),
      zoomed: (point, factor) => this.#moved(() => this.viewport.zoom(point, factor)),
    });
    this.#resized = new ResizeObserver(() => this.#resize());
    this.#resized.observe(canvas);
    this.#media = ["(prefers-color-scheme: dark)", "(forced-colors: active)", "(prefers-contrast: more)"].map(
      matchMedia,
    );
    for (const media of this.#media) media.addEventListener("change", this.#recolor);
    this.#housekeeping = setInterval(() => this.draw(), HOUSEKEEPING_MS);
    this.#resize();
  }

  on<Name extends keyof CanvasBoardEvents>(name: Name, listener: CanvasBoardEvents[Name]): () => void {
    return this.#events.on(name, listener);
  }

  get palette(): Palette {
    return this.#palette;
  }

  /** Draws with the next frame. */
  draw(): void {
    this.#frame ??= requestAnimationFrame((nowMs) => this.#draw(nowMs));
  }

  recolor(): void {
    this.#palette = readPalette(this.#canvas);
    this.pages.recolor(this.#palette);
  }

  flyTo(camera: Camera): void {
    this.#moved(() => this.viewport.flyTo(camera, performance.now()));
  }

  /** Zooms by steps around the middle. */
  step(factor: number): void {
    this.#moved(() => this.viewport.step(factor, performance.now()));
  }

  fit(): void {
    this.#moved(() => this.viewport.fit(performance.now()));
  }

  pan(dx: number, dy: number): void {
    const { target } = this.viewport;
    this.flyTo({ ...target, x: target.x + dx / target.scale, y: target.y + dy / target.scale });
  }

  /** Shows the cell in the middle, large enough to be set, and points it out. */
  goTo(cell: number, scale = Math.max(this.viewport.target.scale, ZOOM_IN_PX)): void {
    const { x, y } = placeOf(cell);
    this.marks.put("found", cell, performance.now());
    this.flyTo({ x: x + 0.5, y: y + 0.5, scale });
  }

  use(tool: Tool): void {
    this.brush.tool = tool;
    this.#events.emit("tools");
  }

  toggle(cell: number): void {
    this.brush.toggle(cell);
    this.#events.emit("tools");
  }

  undo(): void {
    this.brush.undo();
    this.#events.emit("tools");
  }

  redo(): void {
    this.brush.redo();
    this.#events.emit("tools");
  }

  refuse(refused: RefusedChange): void {
    this.marks.put("refused", refused.cell, performance.now());
    this.draw();
  }

  /** The cell's upper left corner, in CSS pixels of the canvas. */
  pointOf(cell: number): Point {
    return toView(this.viewport.camera, this.viewport.view, placeOf(cell));
  }

  isInSight(cell: number): boolean {
    const { x, y } = this.pointOf(cell);
    const { scale } = this.viewport.camera;
    const { width, height } = this.viewport.view;
    return x > -scale && y > -scale && x < width && y < height;
  }

  close(): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    clearInterval(this.#housekeeping);
    for (const media of this.#media) media.removeEventListener("change", this.#recolor);
    this.#resized.disconnect();
    this.#gestures.close();
    this.pages.close();
  }

  #resize(): void {
    const { width, height } = this.#canvas.getBoundingClientRect();
    if (width === 0 || height === 0) return;
    const density = window.devicePixelRatio;
    this.#canvas.width = Math.round(width * density);
    this.#canvas.height = Math.round(height * density);
    this.viewport.resize({ width, height, density });
    // At once: a canvas is empty after a change of size.
    this.#draw(performance.now());
  }

  #draw(nowMs: number): void {
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame);
    this.#frame = undefined;
    const { viewport, pages, marks, brush, activity } = this;
    const { plane } = this.#options;
    viewport.tick(nowMs);
    pages.look(viewport, nowMs);
    const screen = new Screen(viewport.camera, viewport.view);
    const isStill = this.#still.matches;
    const scene = {
      plane,
      palette: this.#palette,
      densities: pages.map,
      pages: pages.pages,
      inSight: pages.inSight,
      nowMs,
      fadeMs: isStill ? 0 : FADE_MS,
    };
    this.#context.clearRect(0, 0, screen.width, screen.height);
    const isUnfinished = paintPages(this.#context, screen, scene);
    paintCells(this.#context, screen, scene);
    const rectangle = brush.rectangle;
    const hovered = this.#hovered && this.#cellAt(this.#hovered);
    paintMarks(this.#context, screen, {
      ...scene,
      marks,
      waiting: this.#longWaiting(nowMs),
      hovered,
      rectangle,
      isStill,
    });
    activity.forget(nowMs);
    this.#events.emit("drawn", nowMs);
    const isComing = Math.hypot(viewport.velocity.x, viewport.velocity.y) * viewport.camera.scale > 1;
    if (isUnfinished || viewport.isMoving || isComing || !marks.isEmpty) this.draw();
  }

  *#longWaiting(nowMs: number): Iterable<number> {
    let count = 0;
    for (const [cell, sinceMs] of this.#waiting) {
      if (nowMs - sinceMs < WAIT_SHOWN_MS) continue;
      if (++count > WAITING_SHOWN_MAX) return;
      yield cell;
    }
  }

  #changed(changes: readonly CellChange[]): void {
    const nowMs = performance.now();
    for (const { cell, mine } of changes) {
      if (!mine && this.isInSight(cell)) this.marks.put("flash", cell, nowMs);
      this.activity.addCell(cell, nowMs);
    }
    this.#events.emit("changed", changes);
  }

  #moved(move: () => void): void {
    move();
    this.draw();
  }

  #hover(point: Point | undefined): void {
    this.#hovered = point;
    this.#events.emit("pointed", point && this.#cellAt(point));
    this.draw();
  }

  #tapped(point: Point): void {
    const { viewport } = this;
    const isSmall = viewport.camera.scale < (this.brush.tool === "move" ? TOUCH_FROM_PX : DRAW_FROM_PX);
    if (isSmall) {
      const factor = Math.max(4, Math.min(ZOOM_IN_PX, ZOOM_IN_PX / viewport.camera.scale));
      this.#moved(() => viewport.step(factor, performance.now(), point));
      return;
    }
    const cell = this.#cellAt(point);
    if (cell === undefined) return;
    this.#events.emit("chosen", cell);
    if (this.brush.tool === "erase") this.brush.setAll([cell], false);
    else this.brush.toggle(cell);
    this.#events.emit("tools");
  }

  #strokeStarts(point: Point): boolean {
    if (this.viewport.camera.scale < DRAW_FROM_PX) return false;
    return this.brush.start(this.#wholePlace(point));
  }

  #cellAt(point: Point): number | undefined {
    return cellAt(this.#options.plane, this.#wholePlace(point));
  }

  #wholePlace(point: Point): Point {
    const { x, y } = toPlane(this.viewport.camera, this.viewport.view, point);
    return { x: Math.floor(x), y: Math.floor(y) };
  }
}
