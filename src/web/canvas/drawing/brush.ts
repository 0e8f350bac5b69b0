/*
 * The tools that change cells: toggle one, draw or erase a line, fill or clear a rectangle. A
 * stroke sets each cell once, and all to the tool's value. Rectangles are sent in portions.
 */

import { cellAt, type Plane, type Point } from "../../../board/plane.js";
import { Portions } from "./portions.js";
import { type CellValue, type Reader, type StrokeChange, Strokes } from "./strokes.js";

export type Tool = "move" | "draw" | "erase" | "fill" | "clear";

/** The cells of rectangles that may wait at a time. */
export const FILL_CELLS_MAX = 10_000;

interface Rectangle {
  readonly from: Point;
  readonly to: Point;
  /** It would be larger, but has as many cells as it may. */
  readonly isCut: boolean;
}

interface BrushOptions {
  readonly plane: Plane;
  readonly read: Reader;
  /** Resolves when the change is committed, and rejects if it is refused. */
  readonly set: (cell: number, value: boolean) => Promise<void>;
  readonly mayChange: (cell: number) => boolean;
  /** Some cells are locked for this user; `cell` is the first of them. */
  readonly locked: (cell: number) => void;
  /** Some cells of a stroke were not loaded; `cell` is the first of them. */
  readonly missed: (cell: number, cells: number) => void;
  /** The progress of what waits has changed. */
  readonly sent: () => void;
}

export class Brush {
  tool: Tool = "move";
  readonly strokes = new Strokes();
  readonly portions: Portions;
  readonly #options: BrushOptions;
  #stroke: StrokeChange[] = [];
  #seen = new Set<number>();
  readonly #missed = new Set<number>();
  #value = true;
  #last: Point | undefined;
  #corner: Point | undefined;
  #isCut = false;
  #locked: number | undefined;

  constructor(options: BrushOptions) {
    this.#options = options;
    this.portions = new Portions({
      read: options.read,
      set: options.set,
      leftOut: (step, cells) => this.strokes.leftOut(step, cells),
      changed: options.sent,
      nowMs: () => performance.now(),
    });
  }

  get isDrawing(): boolean {
    return this.#last !== undefined;
  }

  get rectangle(): Rectangle | undefined {
    return this.#corner && this.#last ? { from: this.#corner, to: this.#last, isCut: this.#isCut } : undefined;
  }

  toggle(cell: number): void {
    this.setAll([cell], !this.#options.read(cell));
  }

  setAll(cells: readonly number[], value: boolean): void {
    this.#begin(value);
    for (const cell of cells) this.#put(cell);
    this.breakOff();
  }

  /** A tap with the tool in hand. Without one, it toggles the cell. */
  tap(cell: number, isEraser = false): void {
    if (this.tool === "move" && !isEraser) this.toggle(cell);
    else this.setAll([cell], this.#checks(isEraser));
  }

  /** False if the tool cannot draw from here. `isEraser`: a pen is held upside down. */
  start(place: Point, isEraser = false): boolean {
    const first = cellAt(this.#options.plane, place);
    if ((this.tool === "move" && !isEraser) || first === undefined) return false;
    if (this.#options.read(first) === undefined && this.#options.mayChange(first)) {
      this.#options.missed(first, 1);
      return false;
    }
    this.#begin(this.#checks(isEraser));
    this.#last = place;
    if (this.tool === "fill" || this.tool === "clear") this.#corner = place;
    else this.#put(first);
    return true;
  }

  moveTo(place: Point): void {
    if (this.#corner) this.#last = this.#reachFrom(this.#corner, place);
    else if (this.#last) {
      for (const each of placesBetween(this.#last, place)) this.#putAt(each);
      this.#last = place;
    }
  }

  end(): void {
    if (this.#corner && this.#last) for (const place of placesWithin(this.#corner, this.#last)) this.#putAt(place);
    this.breakOff();
  }

  /** Ends the stroke early. A line stays as drawn so far; an unfinished rectangle is dropped. */
  breakOff(): void {
    this.strokes.add(this.#stroke);
    if (this.#corner && this.#stroke.length > 0) {
      const values = this.#stroke.map(({ cell, after }) => ({ cell, value: after }));
      this.portions.send(this.strokes.step, values);
    }
    this.#stroke = [];
    this.#isCut = false;
    this.#last = undefined;
    this.#corner = undefined;
    this.#reportMissed();
    this.#reportLocked();
  }

  cancel(): void {
    const isStroke = this.#stroke.length > 0;
    this.#missed.clear();
    this.#locked = undefined;
    this.breakOff();
    if (isStroke) this.undo();
  }

  refused({ cell, value }: CellValue): void {
    this.#stroke = this.#stroke.filter((change) => change.cell !== cell || change.after !== value);
    this.strokes.refused({ cell, value });
  }

  undo(): void {
    this.#step("undo");
  }

  redo(): void {
    this.#step("redo");
  }

  #checks(isEraser: boolean): boolean {
    return !isEraser && this.tool !== "erase" && this.tool !== "clear";
  }

  #step(step: "undo" | "redo"): void {
    const stroke = this.strokes.next(step);
    // The changes that were not sent are neither undone nor redone.
    if (stroke) this.portions.stop(this.strokes.nextStep(step));
    if (this.strokes.next(step) !== stroke) return;
    const values = this.strokes[step](this.#options.read);
    const allowed = values.filter(({ cell }) => this.#maySet(cell));
    this.portions.send(this.strokes.step, allowed);
    this.#reportLocked();
  }

  #maySet(cell: number): boolean {
    const may = this.#options.mayChange(cell);
    if (!may) this.#locked ??= cell;
    return may;
  }

  #reportLocked(): void {
    const cell = this.#locked;
    this.#locked = undefined;
    if (cell !== undefined) this.#options.locked(cell);
  }

  #reportMissed(): void {
    const [first] = this.#missed;
    const cells = this.#missed.size;
    this.#missed.clear();
    if (first !== undefined) this.#options.missed(first, cells);
  }

  #reachFrom(corner: Point, place: Point): Point {
    const most = Math.max(1, FILL_CELLS_MAX - this.portions.waiting);
    const width = Math.min(most, Math.abs(place.x - corner.x) + 1);
    const height = Math.min(Math.max(1, Math.floor(most / width)), Math.abs(place.y - corner.y) + 1);
    this.#isCut = width <= Math.abs(place.x - corner.x) || height <= Math.abs(place.y - corner.y);
    return {
      x: corner.x + Math.sign(place.x - corner.x) * (width - 1),
      y: corner.y + Math.sign(place.y - corner.y) * (height - 1),
    };
  }

  #begin(value: boolean): void {
    this.#stroke = [];
    this.#seen = new Set();
    this.#value = value;
  }

  #putAt(place: Point): void {
    const cell = cellAt(this.#options.plane, place);
    if (cell !== undefined) this.#put(cell);
  }

  #put(cell: number): void {
    if (this.#seen.has(cell)) return;
    // An older change of this cell may still wait to be sent.
    this.portions.forget(cell);
    const before = this.#options.read(cell);
    if (before === this.#value) return;
    if (before === undefined && this.#options.mayChange(cell)) {
      // It may be loaded by the time the stroke meets it again.
      this.#missed.add(cell);
      return;
    }
    this.#missed.delete(cell);
    this.#seen.add(cell);
    if (!this.#maySet(cell) || before === undefined) return;
    this.#stroke.push({ cell, before, after: this.#value });
    // The cells of a rectangle are sent together, at its end.
    if (this.#corner) return;
    // A refusal is reported as an event.
    this.#options.set(cell, this.#value).catch(() => undefined);
  }
}

/** The places of a straight line, including both ends (Bresenham 1965). */
export function* placesBetween(from: Point, to: Point): Iterable<Point> {
  const [dx, dy] = [Math.abs(to.x - from.x), Math.abs(to.y - from.y)];
  const [stepX, stepY] = [Math.sign(to.x - from.x), Math.sign(to.y - from.y)];
  let { x, y } = from;
  let error = dx - dy;
  for (;;) {
    yield { x, y };
    if (x === to.x && y === to.y) return;
    const doubled = 2 * error;
    if (doubled > -dy) {
      error -= dy;
      x += stepX;
    }
    if (doubled < dx) {
      error += dx;
      y += stepY;
    }
  }
}

function* placesWithin(one: Point, other: Point): Iterable<Point> {
  for (let y = Math.min(one.y, other.y); y <= Math.max(one.y, other.y); y++) {
    for (let x = Math.min(one.x, other.x); x <= Math.max(one.x, other.x); x++) yield { x, y };
  }
}
