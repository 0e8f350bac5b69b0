/*
 * The tools that change cells: toggle one, draw or erase a line, fill a rectangle. A stroke sets
 * each cell once, and all to one value: the opposite of what its first cell showed.
 */

import { cellAt, type Plane, type Point } from "../view/plane.js";
import { type CellValue, type Reader, type StrokeChange, Strokes } from "./strokes.js";

export type Tool = "move" | "draw" | "erase" | "fill";

interface BrushOptions {
  readonly plane: Plane;
  readonly read: Reader;
  readonly set: (cell: number, value: boolean) => void;
  readonly mayChange: (cell: number) => boolean;
  /** Some cells are locked for this user; `cell` is the first of them. */
  readonly locked: (cell: number) => void;
  /** Some cells of a stroke were not loaded; `cell` is the first of them. */
  readonly missed: (cell: number, cells: number) => void;
  readonly fillCellsMax: () => number;
}

export class Brush {
  tool: Tool = "move";
  readonly strokes = new Strokes();
  readonly #options: BrushOptions;
  #stroke: StrokeChange[] = [];
  #seen = new Set<number>();
  readonly #missed = new Set<number>();
  #value = true;
  #last: Point | undefined;
  #corner: Point | undefined;
  #locked: number | undefined;

  constructor(options: BrushOptions) {
    this.#options = options;
  }

  get isDrawing(): boolean {
    return this.#last !== undefined;
  }

  get rectangle(): readonly [Point, Point] | undefined {
    return this.#corner && this.#last ? [this.#corner, this.#last] : undefined;
  }

  toggle(cell: number): void {
    this.setAll([cell], !this.#options.read(cell));
  }

  setAll(cells: readonly number[], value: boolean): void {
    this.#begin(value);
    for (const cell of cells) this.#put(cell);
    this.breakOff();
  }

  /** False if the tool cannot draw from here. */
  start(place: Point): boolean {
    const first = cellAt(this.#options.plane, place);
    if (this.tool === "move" || first === undefined) return false;
    if (!this.#options.mayChange(first)) {
      this.#options.locked(first);
      return false;
    }
    const shown = this.#options.read(first);
    if (shown === undefined) {
      this.#options.missed(first, 1);
      return false;
    }
    this.#begin(this.tool === "erase" ? false : !shown);
    this.#last = place;
    if (this.tool === "fill") this.#corner = place;
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
    this.#stroke = [];
    this.#last = undefined;
    this.#corner = undefined;
    this.#reportMissed();
    this.#reportLocked();
  }

  cancel(): void {
    const isStroke = this.#stroke.length > 0;
    this.#missed.clear();
    this.breakOff();
    if (isStroke) this.undo();
  }

  refused({ cell, value }: CellValue): void {
    this.#stroke = this.#stroke.filter((change) => change.cell !== cell || change.after !== value);
    this.strokes.refused({ cell, value });
  }

  undo(): void {
    this.#apply(this.strokes.undo(this.#options.read));
  }

  redo(): void {
    this.#apply(this.strokes.redo(this.#options.read));
  }

  #apply(values: readonly CellValue[]): void {
    for (const { cell, value } of values) if (this.#maySet(cell)) this.#options.set(cell, value);
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
    const most = Math.max(1, this.#options.fillCellsMax());
    const width = Math.min(most, Math.abs(place.x - corner.x) + 1);
    const height = Math.min(Math.max(1, Math.floor(most / width)), Math.abs(place.y - corner.y) + 1);
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
    const before = this.#options.read(cell);
    if (before === this.#value || this.#seen.has(cell)) return;
    if (before === undefined && this.#options.mayChange(cell)) {
      // It may be loaded by the time the stroke meets it again.
      this.#missed.add(cell);
      return;
    }
    this.#missed.delete(cell);
    this.#seen.add(cell);
    if (!this.#maySet(cell) || before === undefined) return;
    this.#stroke.push({ cell, before, after: this.#value });
    this.#options.set(cell, this.#value);
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
