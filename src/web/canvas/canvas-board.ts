/*
 * A board on a canvas. It connects the parts: the viewport selects what is in view, the
 * shown pages hold it, the painters draw it, pointer and brush change it. The cells of a small
 * board are elements below the canvas (focus/cells.ts), and the painters draw only marks.
 */

import { createNanoEvents } from "nanoevents";
import { type Plane, placeOf } from "../../board/plane.js";
import type { Board, CellChange, RefusedChange } from "../../client/index.js";
import { boardPath, readBytes } from "../address/instance-answers.js";
import { ownerAt } from "../state/claims.js";
import { PendingCells } from "../state/pending-cells.js";
import { lockReasonAt } from "../state/permission.js";
import { type RefusalText, refusalText } from "../wording/refusals.js";
import { Brush, type Tool } from "./drawing/brush.js";
import { Pointer } from "./drawing/pointer.js";
import { Undoing } from "./drawing/undoing.js";
import { setOwner } from "./focus/cell-elements.js";
import { Activity } from "./held/activity.js";
import { Marks } from "./held/marks.js";
import { missedText, notLoadedText, tooSmallText } from "./not-done.js";
import { paintBoard } from "./paint/board.js";
import { BoxTiles } from "./paint/box-tiles.js";
import { contextOf } from "./paint/context.js";
import { Frames } from "./paint/frames.js";
import type { Palette } from "./paint/palette.js";
import { ShownPages } from "./paint/shown-pages.js";
import { Surface } from "./paint/surface.js";
import type { Replay } from "./replay/replay.js";
import type { Camera } from "./view/camera.js";
import { belowTools, firstCamera } from "./view/first-view.js";
import { Screen } from "./view/screen.js";
import { Travel } from "./view/travel.js";
import { Viewport } from "./view/viewport.js";

export interface CanvasBoardEvents {
  drawn: (nowMs: number) => void;
  pointed: (cell: number | undefined) => void;
  /** The user tried to change cells and could not. */
  notDone: (text: RefusalText) => void;
  chosen: (cell: number) => void;
  /** The tool, the strokes that can be undone, a fill's progress or the replay has changed. */
  tools: () => void;
  /** Cells show a new value. Not emitted during a replay. */
  changed: (changes: readonly CellChange[]) => void;
}

const IS_PAST = "You are viewing a replay. Choose “Back to now” to make changes.";
const FADE_MS = 180;
const PENDING_FROM_MS = 200;
/** The smallest size of a cell after a jump to it, in CSS pixels. */
const JUMP_PX = 24;

interface CanvasBoardOptions {
  readonly canvas: HTMLCanvasElement;
  /** Holds the canvas and the cells, and takes the pointer for both. */
  readonly surface: HTMLElement;
  readonly board: Board;
  readonly plane: Plane;
  /** The first view; "whole" for the whole board, however small its cells. */
  readonly start: Camera | "whole" | undefined;
  /** Whether tools lie over the board. */
  readonly hasTools: boolean;
}

export class CanvasBoard {
  readonly viewport: Viewport;
  readonly travel: Travel;
  readonly pages: ShownPages;
  readonly brush: Brush;
  readonly undoing: Undoing;
  readonly activity = new Activity();
  /** The cell of a link. It stands out until the user acts. */
  linked: number | undefined;
  readonly #events = createNanoEvents<CanvasBoardEvents>();
  readonly #undo: (() => void)[];
  readonly #context: CanvasRenderingContext2D;
  readonly #board: Board;
  readonly #plane: Plane;
  readonly #marks = new Marks();
  readonly #boxes = new BoxTiles();
  readonly #frames = new Frames((nowMs) => this.#draw(nowMs));
  readonly #pointer: Pointer;
  readonly #pending: PendingCells;
  readonly #surface: Surface;
  readonly #still = matchMedia("(prefers-reduced-motion: reduce)");
  #replay: Replay | undefined;
  #hasStarted: boolean;

  constructor({ canvas, surface, board, plane, start, hasTools }: CanvasBoardOptions) {
    this.#context = contextOf(canvas);
    this.#board = board;
    this.#plane = plane;
    this.#surface = new Surface(
      canvas,
      {
        resized: (view) => {
          this.viewport.resize(hasTools ? belowTools(view) : view);
          this.#pointer.resized();
          const first = this.#hasStarted ? undefined : this.firstCamera;
          this.#hasStarted = true;
          if (first) this.viewport.startAt(first);
          // Asks for the first pages before the picture and the rest of the app are made.
          this.pages.look(this.viewport, performance.now());
          this.#frames.again();
        },
        recolored: (palette) => {
          this.pages.recolor(palette);
          this.#replay?.recolor(palette);
        },
      },
      board.claims !== undefined,
    );
    this.viewport = new Viewport(plane, () => this.#still.matches);
    this.travel = new Travel(this.viewport, () => this.draw());
    this.#hasStarted = start !== undefined;
    if (start !== undefined && start !== "whole") this.viewport.startAt(start);
    this.pages = new ShownPages(board, plane, this.palette, {
      changed: () => this.#frames.soon(),
      cellsChanged: (changes) => this.#changed(changes),
      pageChanged: (page, cells) => this.activity.add(page, cells, performance.now()),
      readCoarse: (pages) => readBytes(`${boardPath(board.name)}/overview?pages=${pages.join()}`),
    });
    this.#pending = new PendingCells(board, () => this.#frames.soon());
    this.brush = new Brush({
      plane,
      read: (cell) => this.pages.get(cell),
      set: (cell, value) => {
        this.#marks.remove("refused", cell);
        return this.#pending.set(cell, value);
      },
      mayChange: (cell) => this.lockReasonAt(cell) === undefined,
      locked: (cell) => {
        const reason = this.lockReasonAt(cell);
        if (reason !== undefined) this.#events.emit("notDone", refusalText(cell, reason));
      },
      missed: (cell, cells) => this.#events.emit("notDone", missedText(cell, cells)),
      sent: () => this.#toolsChanged(),
    });
    this.undoing = new Undoing({
      brush: this.brush,
      load: (pages) => this.pages.load(pages),
      release: () => this.pages.release(),
      isOff: () => this.#replay !== undefined,
      done: () => this.#toolsChanged(),
      gaveUp: (cell) => this.#events.emit("notDone", notLoadedText(cell)),
    });
    this.#pointer = new Pointer(surface, this.viewport, this.brush, {
      changed: () => this.draw(),
      pointed: (cell) => this.#events.emit("pointed", cell),
      chosen: (cell) => this.#events.emit("chosen", cell),
      drawn: () => this.#toolsChanged(),
      tooSmall: (cell) => this.#events.emit("notDone", tooSmallText(cell)),
    });
    this.#undo = [
      board.on("frozen", () => this.draw()),
      board.on("mine", () => this.draw()),
      board.on("right", () => this.use(this.brush.tool)),
    ];
    this.#surface.resize();
  }

  on<Name extends keyof CanvasBoardEvents>(name: Name, listener: CanvasBoardEvents[Name]): () => void {
    return this.#events.on(name, listener);
  }

  get palette(): Palette {
    return this.#surface.palette;
  }

  get replay(): Replay | undefined {
    return this.#replay;
  }

  /** Shows the past instead of the present. Nothing can be drawn on it. */
  set replay(replay: Replay | undefined) {
    this.#replay = replay;
    // The past is recorded without its owners.
    this.#surface.hasOwners = replay === undefined && this.#board.claims !== undefined;
    this.use(this.brush.tool);
  }

  /** Undefined if the first view is the whole board. */
  get firstCamera(): Camera | undefined {
    const pointer = matchMedia("(pointer: coarse)").matches ? "coarse" : "fine";
    return firstCamera(this.#plane, this.viewport.view, pointer);
  }

  shownAt(cell: number): boolean | undefined {
    return this.#replay ? this.#replay.get(cell) : this.pages.get(cell);
  }

  draw(): void {
    this.#frames.request();
  }

  /** The cell stands out for a while. */
  mark(cell: number): void {
    this.#marks.put("found", cell, performance.now());
    this.draw();
  }

  goTo(cell: number): void {
    const { x, y } = placeOf(this.#plane, cell);
    this.mark(cell);
    this.travel.to({ x: x + 0.5, y: y + 0.5, scale: Math.max(this.viewport.target.scale, JUMP_PX) });
  }

  lockReasonAt(cell: number): string | undefined {
    return this.#replay ? IS_PAST : lockReasonAt(this.#board, cell);
  }

  /** Shows whether the cell is frozen, and names its owner on a board with claims. */
  describe(input: HTMLInputElement, cell: number): void {
    input.toggleAttribute("data-frozen", !this.#replay && this.#board.isFrozen(cell));
    if (this.#board.claims) setOwner(input, this.#board, cell, this.#replay ? undefined : ownerAt(this.#board, cell));
  }

  use(tool: Tool): void {
    this.brush.tool = this.#board.right === "view" || this.#replay ? "move" : tool;
    this.#toolsChanged();
  }

  toggle(cell: number): void {
    this.brush.toggle(cell);
    this.#toolsChanged();
  }

  /** Cancels the stroke in progress, or stops what is still to be sent, or puts the tool away. */
  cancel(): void {
    if (this.brush.isDrawing) this.brush.cancel();
    else if (this.brush.portions.progress) this.brush.portions.stop();
    else this.brush.tool = "move";
    this.#toolsChanged();
  }

  refuse(refused: RefusedChange): void {
    this.#marks.put("refused", refused.cell, performance.now());
    this.brush.refused(refused);
    this.#toolsChanged();
  }

  close(): void {
    for (const off of this.#undo) off();
    for (const part of [this.#frames, this.#surface, this.#pointer, this.#pending, this.pages]) part.close();
  }

  #draw(nowMs: number): void {
    const { viewport, pages, activity } = this;
    viewport.tick(nowMs);
    pages.look(viewport, nowMs);
    this.#replay?.want(pages.inSight);
    activity.forget(nowMs);
    const isUnfinished = this.#paint(nowMs);
    this.#pointer.follow();
    this.#events.emit("drawn", nowMs);
    if (isUnfinished || viewport.isPassing) this.draw();
    else if (!this.#marks.isEmpty) this.#frames.soon();
  }

  #paint(nowMs: number): boolean {
    const { viewport, pages, brush, activity, palette } = this;
    return paintBoard(this.#context, new Screen(viewport.camera, viewport.view), {
      plane: this.#plane,
      palette,
      densities: this.#replay ? undefined : pages.map,
      pages: this.#replay?.pages ?? pages.pages,
      boxes: this.#boxes,
      inSight: pages.inSight,
      nowMs,
      fadeMs: this.#still.matches ? 0 : FADE_MS,
      frozen: this.#replay ? [] : pages.inSight.flatMap((page) => this.#board.frozenOf(page)),
      own: this.#replay ? [] : pages.own(),
      active: this.#replay ? [] : activity.all(nowMs),
      marks: this.#marks,
      pending: this.#pending.longerThan(PENDING_FROM_MS, nowMs),
      hovered: this.#pointer.hovered,
      linked: this.linked,
      rectangle: brush.rectangle,
      isStill: this.#still.matches,
    });
  }

  #toolsChanged(): void {
    this.#events.emit("tools");
    this.draw();
  }

  #changed(changes: readonly CellChange[]): void {
    const nowMs = performance.now();
    for (const { cell, mine } of changes) {
      if (!mine && !this.#replay && this.viewport.shows(cell)) this.#marks.put("flash", cell, nowMs);
      this.activity.addCell(cell, nowMs);
    }
    if (!this.#replay) this.#events.emit("changed", changes);
  }
}
