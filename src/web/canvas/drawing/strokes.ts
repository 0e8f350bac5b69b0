/*
 * The user's strokes, to undo and redo. A board is shared, so an undo skips cells that someone else
 * has changed since, and cells whose change was refused. Pure.
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

interface Stroke {
  /** Numbered in the order of drawing. */
  readonly number: number;
  readonly changes: Map<number, StrokeChange>;
  /** The number of the step that last drew this stroke or took it back. */
  step: number;
}

const STROKES_MAX = 200;

export class Strokes {
  #done: Stroke[] = [];
  #undone: Stroke[] = [];
  /** Undone, and no longer to be redone. The refusal of the undo may still arrive. */
  #dropped: Stroke[] = [];
  #drawn = 0;
  #steps = 0;

  get canUndo(): boolean {
    return this.#done.length > 0;
  }

  get canRedo(): boolean {
    return this.#undone.length > 0;
  }

  /** The number of strokes drawn so far. `places` holds only the last of them. */
  get drawn(): number {
    return this.#drawn;
  }

  get places(): readonly number[] {
    return this.#done.flatMap(({ changes }) => [...changes.keys()].slice(0, 1));
  }

  /** The number of the last step. */
  get step(): number {
    return this.#steps;
  }

  next(step: "undo" | "redo"): ReadonlyMap<number, StrokeChange> | undefined {
    return this.#next(step)?.changes;
  }

  /** The number of the step that drew the next stroke, or took it back. */
  nextStep(step: "undo" | "redo"): number | undefined {
    return this.#next(step)?.step;
  }

  add(changes: readonly StrokeChange[]): void {
    if (changes.length === 0) return;
    const byCell = new Map(changes.map((change) => [change.cell, change]));
    this.#keep({ number: ++this.#drawn, changes: byCell, step: ++this.#steps });
    this.#dropped = [...this.#dropped, ...this.#undone].slice(-STROKES_MAX);
    this.#undone = [];
  }

  /** A change was refused, so the last step that asked for it did not happen. */
  refused({ cell, value }: CellValue): void {
    const drawn = this.#done.filter(({ changes }) => changes.get(cell)?.after === value);
    const takenBack = [...this.#undone, ...this.#dropped].filter(({ changes }) => changes.get(cell)?.before === value);
    this.#leaveOut([...drawn, ...takenBack].toSorted((a, b) => a.step - b.step).at(-1), [cell]);
  }

  /** These changes of a step were never asked for. */
  leftOut(step: number, cells: readonly number[]): void {
    // A part that still stands has the number of the step, too, but was drawn before it.
    const strokes = [...this.#undone, ...this.#dropped, ...this.#done];
    this.#leaveOut(
      strokes.find((stroke) => stroke.step === step),
      cells,
    );
  }

  undo(read: Reader): readonly CellValue[] {
    const stroke = this.#done.pop();
    if (!stroke) return [];
    stroke.step = ++this.#steps;
    this.#undone.push(stroke);
    return [...stroke.changes.values()].flatMap(({ cell, before, after }) =>
      read(cell) === after ? { cell, value: before } : [],
    );
  }

  redo(read: Reader): readonly CellValue[] {
    const stroke = this.#undone.pop();
    if (!stroke) return [];
    stroke.step = ++this.#steps;
    this.#keep(stroke);
    return [...stroke.changes.values()].flatMap(({ cell, before, after }) =>
      read(cell) === before ? { cell, value: after } : [],
    );
  }

  #next(step: "undo" | "redo"): Stroke | undefined {
    return (step === "undo" ? this.#done : this.#undone).at(-1);
  }

  #leaveOut(stroke: Stroke | undefined, cells: readonly number[]): void {
    if (!stroke) return;
    const isDrawn = this.#done.includes(stroke);
    for (const cell of cells) {
      const change = stroke.changes.get(cell);
      // An undo that was not made leaves the change in place, to be undone later.
      if (change && !isDrawn) this.#stillStands(stroke, change);
      stroke.changes.delete(cell);
    }
    const isLeft = (each: Stroke) => each.changes.size > 0;
    this.#done = this.#done.filter(isLeft);
    this.#undone = this.#undone.filter(isLeft);
    this.#dropped = this.#dropped.filter(isLeft);
  }

  #stillStands({ number, step }: Stroke, change: StrokeChange): void {
    const part = this.#done.find((each) => each.number === number);
    if (part) part.changes.set(change.cell, change);
    else this.#keep({ number, step, changes: new Map([[change.cell, change]]) });
  }

  #keep(stroke: Stroke): void {
    this.#done = [...this.#done, stroke].toSorted((a, b) => a.number - b.number).slice(-STROKES_MAX);
  }
}
