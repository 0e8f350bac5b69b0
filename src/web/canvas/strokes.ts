/*
 * What this user drew, stroke by stroke, to undo and redo. A board is shared, so an undo takes back only what still stands:
 * cells that someone has changed since are theirs, and what was refused never was. Pure.
 */

export interface StrokeChange {
  readonly cell: number;
  readonly before: boolean;
  readonly after: boolean;
}

export interface CellValue {
  readonly cell: number;
  readonly value: boolean;
}

export type Reader = (cell: number) => boolean | undefined;

/** By cell, in the order in which they were drawn. */
type Stroke = Map<number, StrokeChange>;

const STROKES_MAX = 200;

export class Strokes {
  #done: Stroke[] = [];
  #undone: Stroke[] = [];

  get canUndo(): boolean {
    return this.#done.length > 0;
  }

  get canRedo(): boolean {
    return this.#undone.length > 0;
  }

  /** The first cell of each stroke, oldest first. */
  get places(): readonly number[] {
    return this.#done.flatMap((stroke) => [...stroke.keys()].slice(0, 1));
  }

  /** The stroke that the next undo takes back, or the next redo draws again: its changes by cell. */
  next(step: "undo" | "redo"): ReadonlyMap<number, StrokeChange> | undefined {
    return (step === "undo" ? this.#done : this.#undone).at(-1);
  }

  add(stroke: readonly StrokeChange[]): void {
    if (stroke.length === 0) return;
    const byCell = new Map(stroke.map((change) => [change.cell, change]));
    this.#done = [...this.#done, byCell].slice(-STROKES_MAX);
    this.#undone = [];
  }

  /** The change was refused: the last stroke that made it did not. */
  refused({ cell, value }: CellValue): void {
    const stroke = this.#done.findLast((each) => each.get(cell)?.after === value);
    stroke?.delete(cell);
    if (stroke?.size === 0) this.#done = this.#done.filter((each) => each !== stroke);
  }

  /** What to set to take the last stroke back. */
  undo(read: Reader): readonly CellValue[] {
    const stroke = this.#done.pop();
    if (!stroke) return [];
    this.#undone.push(stroke);
    return [...stroke.values()].flatMap(({ cell, before, after }) =>
      read(cell) === after ? { cell, value: before } : [],
    );
  }

  /** What to set to draw it again. */
  redo(read: Reader): readonly CellValue[] {
    const stroke = this.#undone.pop();
    if (!stroke) return [];
    this.#done.push(stroke);
    return [...stroke.values()].flatMap(({ cell, before, after }) =>
      read(cell) === before ? { cell, value: after } : [],
    );
  }
}
