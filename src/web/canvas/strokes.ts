/*
 * What this user drew, stroke by stroke, to undo and redo. A board is shared, so an undo takes back only what still stands:
 * cells that someone has changed since are theirs. Pure.
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

const STROKES_MAX = 200;

export class Strokes {
  #done: (readonly StrokeChange[])[] = [];
  #undone: (readonly StrokeChange[])[] = [];

  get canUndo(): boolean {
    return this.#done.length > 0;
  }

  get canRedo(): boolean {
    return this.#undone.length > 0;
  }

  /** The first cell of each stroke, oldest first. */
  get places(): readonly number[] {
    return this.#done.flatMap(([first]) => first?.cell ?? []);
  }

  add(stroke: readonly StrokeChange[]): void {
    if (stroke.length === 0) return;
    this.#done = [...this.#done, stroke].slice(-STROKES_MAX);
    this.#undone = [];
  }

  /** What to set to take the last stroke back. */
  undo(read: Reader): readonly CellValue[] {
    const stroke = this.#done.pop();
    if (!stroke) return [];
    this.#undone.push(stroke);
    return stroke.flatMap(({ cell, before, after }) => (read(cell) === after ? { cell, value: before } : []));
  }

  /** What to set to draw it again. */
  redo(read: Reader): readonly CellValue[] {
    const stroke = this.#undone.pop();
    if (!stroke) return [];
    this.#done.push(stroke);
    return stroke.flatMap(({ cell, before, after }) => (read(cell) === before ? { cell, value: after } : []));
  }
}
