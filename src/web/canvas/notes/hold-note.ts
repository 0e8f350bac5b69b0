/* A note at the cell that the user points at or has focused, with the time left of their hold. */

import { Note } from "./note.js";

interface HoldNoteOptions {
  readonly textAt: (cell: number) => string | undefined;
  readonly elementAt: (cell: number) => HTMLElement | undefined;
}

export class HoldNote {
  cell: number | undefined;
  readonly #options: HoldNoteOptions;
  readonly #note: Note;

  constructor(grid: HTMLElement, options: HoldNoteOptions) {
    this.#options = options;
    this.#note = new Note(grid, "hold-note");
  }

  /** Call it often: time has passed, or the cell, its owner or its place may have changed. */
  follow(): void {
    const { cell } = this;
    const text = cell === undefined ? undefined : this.#options.textAt(cell);
    const element = cell === undefined || text === undefined ? undefined : this.#options.elementAt(cell);
    if (element && text !== undefined) this.#note.show(element, text);
    else this.#note.hide();
  }

  close(): void {
    this.#note.close();
  }
}
