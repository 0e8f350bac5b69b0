/*
 * A large board on a canvas. Ties the parts: the viewport says what is seen, the shown pages hold it, the painters draw it,
 * pointer and brush change it. It draws at most once for each frame of the screen, and only when something looks different.
 */

import { createNanoEvents } from "nanoevents";
import type { Board, CellChange, RefusedChange } from "../../client/index.js";
import type { PendingCells } from "../pending-cells.js";
import { hindranceAt } from "../permission.js";
import { Activity } from "./activity.js";
import { Brush, type Tool } from "./brush.js";
import { type Camera, toView } from "./camera.js";
import { contextOf } from "./context.js";
import { Marks } from "./marks.js";
import { paintCells } from "./paint-cells.js";
import { paintFrozen } from "./paint-frozen.js";
import { paintMarks } from "./paint-marks.js";
import { paintActivity, paintPages } from "./paint-pages.js";
import { type Palette, readPalette } from "./palette.js";
import { type Plane, type Point, placeOf } from "./plane.js";
import { Pointer } from "./pointer.js";
import type { Replay } from "./replay.js";
import { Screen } from "./screen.js";
import { ShownPages } from "./shown-pages.js";
import { Viewport } from "./viewport.js";
import { WaitingCells } from "./waiting-cells.js";

export interface CanvasBoardEvents {
  /** A frame was drawn: what depends on the view can follow. */
  drawn: (nowMs: number) => void;
  /** The cell under the pointer. */
  pointed: (cell: number | undefined) => void;
  /** The user would have changed this cell, and perhaps others, and may not: why. */
  spared: (cell: number, reason: string) => void;
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
  /** What is seen at first; without it, the whole board. */
  readonly start: Camera | undefined;
}

const FADE_MS = 180;
const HOUSEKEEPING_MS = 1_000;
/** CSS pixels of a cell that is jumped to, at the least. */
const JUMP_PX = 24;
const MOVING_PX_PER_S = 1;
const THEMES = ["(prefers-color-scheme: dark)", "(forced-colors: active)", "(prefers-contrast: more)"];

export class CanvasBoard {
  readonly viewport: Viewport;
  readonly pages: ShownPages;
  readonly brush: Brush;
  readonly activity = new Activity();
  /** The board as it was, shown in place of how it is; nothing is drawn on it then. */
  replay: Replay | undefined;
  readonly #events = createNanoEvents<CanvasBoardEvents>();
  readonly #board: Board;
  readonly #undo: (() => void)[];
  readonly #canvas: HTMLCanvasElement;
  readonly #context: CanvasRenderingContext2D;
  readonly #plane: Plane;
  readonly #marks = new Marks();
  readonly #pointer: Pointer;
  readonly #waiting: WaitingCells;
  readonly #resized: ResizeObserver;
  readonly #still = matchMedia("(prefers-reduced-motion: reduce)");
  readonly #themes = THEMES.map((query) => matchMedia(query));
  readonly #housekeeping: ReturnType<typeof setInterval>;
  readonly #recolor = () => this.recolor();
  #palette: Palette;
  #frame: number | undefined;

  constructor(canvas: HTMLCanvasElement, { board, pending, plane, start }: CanvasBoardOptions) {
    this.#board = board;
    this.#canvas = canvas;
    this.#context = contextOf(canvas);
    this.#plane = plane;
    this.#palette = readPalette(canvas);
    this.viewport = new Viewport(plane, () => this.#still.matches);
    if (start) this.viewport.startAt(start);
    this.pages = new ShownPages(board, plane, this.#palette, {
      changed: () => this.draw(),
      cellsChanged: (changes) => this.#changed(changes),
      pagesChanged: (pages) => {
        for (const page of pages) this.activity.add(page, undefined, performance.now());
      },
    });
    this.brush = new Brush({
      plane,
      read: (cell) => (this.replay ? undefined : this.pages.get(cell)),
      set: (cell, value) => {
        this.#marks.remove("refused", cell);
        pending.set(cell, value);
      },
      mayChange: (cell) => hindranceAt(board, cell) === undefined,
      spared: (cell) => {
        const reason = hindranceAt(board, cell);
        if (reason !== undefined) this.#events.emit("spared", cell, reason);
      },
      fillCellsMax: () => board.limits?.writeCellsMax ?? 1,
    });
    this.#waiting = new WaitingCells(pending, () => this.draw());
    this.#pointer = new Pointer(canvas, this.viewport, this.brush, {
      changed: () => this.draw(),
      pointed: (cell) => this.#events.emit("pointed", cell),
      chosen: (cell) => this.#events.emit("chosen", cell),
      drawn: () => this.#toolsChanged(),
    });
    this.#undo = [board.on("frozen", () => this.draw()), board.on("right", () => this.#rightChanged())];
    this.#resized = new ResizeObserver(() => this.#resize());
    this.#resized.observe(canvas);
    for (const theme of this.#themes) theme.addEventListener("change", this.#recolor);
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
    this.viewport.flyTo(camera, performance.now());
    this.draw();
  }

  /** Zooms by a factor around the middle. */
  step(factor: number): void {
    this.viewport.step(factor, performance.now());
    this.draw();
  }

  fit(): void {
    this.viewport.fit(performance.now());
    this.draw();
  }

  /** Moves the view by CSS pixels, in a short flight. */
  pan(dx: number, dy: number): void {
    const { x, y, scale } = this.viewport.target;
    this.flyTo({ x: x + dx / scale, y: y + dy / scale, scale });
  }

  /** Shows the cell in the middle, large enough to be checked, and points it out. */
  goTo(cell: number): void {
    const { x, y } = placeOf(cell);
    this.#marks.put("found", cell, performance.now());
    this.flyTo({ x: x + 0.5, y: y + 0.5, scale: Math.max(this.viewport.target.scale, JUMP_PX) });
  }

  /** Nothing may be drawn. */
  get isViewOnly(): boolean {
    return this.#board.right === "view";
  }

  /** Whether this user may change the cell; in words if not. */
  hindranceAt(cell: number): string | undefined {
    return hindranceAt(this.#board, cell);
  }

  use(tool: Tool): void {
    this.brush.tool = this.isViewOnly ? "move" : tool;
    this.#toolsChanged();
  }

  toggle(cell: number): void {
    this.brush.toggle(cell);
    this.#toolsChanged();
  }

  undo(): void {
    this.brush.undo();
    this.#toolsChanged();
  }

  redo(): void {
    this.brush.redo();
    this.#toolsChanged();
  }

  refuse(refused: RefusedChange): void {
    this.#marks.put("refused", refused.cell, performance.now());
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
    for (const off of this.#undo) off();
    for (const theme of this.#themes) theme.removeEventListener("change", this.#recolor);
    this.#resized.disconnect();
    this.#pointer.close();
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
    const { viewport, pages, activity } = this;
    viewport.tick(nowMs);
    pages.look(viewport, nowMs);
    this.replay?.want(pages.inSight);
    activity.forget(nowMs);
    const isUnfinished = this.#paint(nowMs);
    this.#events.emit("drawn", nowMs);
    // Until it is seen to stand still: what lies ahead of it is fetched.
    const { velocity, camera } = viewport;
    const isComing = Math.hypot(velocity.x, velocity.y) * camera.scale > MOVING_PX_PER_S;
    if (isUnfinished || viewport.isMoving || isComing || !this.#marks.isEmpty) this.draw();
  }

  /** True if another frame is needed to show all there is. */
  #paint(nowMs: number): boolean {
    const { viewport, pages, brush, activity } = this;
    const context = this.#context;
    const screen = new Screen(viewport.camera, viewport.view);
    const isStill = this.#still.matches;
    const scene = {
      plane: this.#plane,
      palette: this.#palette,
      densities: pages.map,
      pages: this.replay?.pages ?? pages.pages,
      inSight: pages.inSight,
      nowMs,
      fadeMs: isStill ? 0 : FADE_MS,
    };
    context.clearRect(0, 0, screen.width, screen.height);
    const isUnfinished = paintPages(context, screen, scene);
    if (pages.inSight.length === 0) paintActivity(context, screen, this.#palette, activity.all(nowMs));
    paintCells(context, screen, scene);
    if (!this.replay) {
      paintFrozen(
        context,
        screen,
        this.#palette,
        pages.inSight.flatMap((page) => this.#board.frozenOf(page)),
      );
    }
    paintMarks(context, screen, {
      plane: this.#plane,
      palette: this.#palette,
      marks: this.#marks,
      waiting: this.#waiting.shown(nowMs),
      hovered: this.#pointer.hovered,
      rectangle: brush.rectangle,
      nowMs,
      isStill,
    });
    return isUnfinished;
  }

  #rightChanged(): void {
    this.use(this.brush.tool);
  }

  #toolsChanged(): void {
    this.#events.emit("tools");
    this.draw();
  }

  #changed(changes: readonly CellChange[]): void {
    const nowMs = performance.now();
    for (const { cell, mine } of changes) {
      if (!mine && !this.replay && this.isInSight(cell)) this.#marks.put("flash", cell, nowMs);
      this.activity.addCell(cell, nowMs);
    }
    this.#events.emit("changed", changes);
  }
}
