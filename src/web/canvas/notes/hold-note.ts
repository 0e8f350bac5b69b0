/* A note at the cell that the user points at or has focused, with the time left of their hold. */

import { type CellPlace, Note } from "./note.js";

interface HoldNoteOptions {
  readonly textAt: (cell: number) => string | undefined;
  readonly placeAt: (cell: number) => CellPlace | undefined;
}

export class HoldNote {
  cell: number | undefined;
  readonly #options: HoldNoteOptions;
  readonly #note: Note;

  constructor(surface: HTMLElement, options: HoldNoteOptions) {
    this.#options = options;
    this.#note = new Note(surface, "hold-note");
  }

  /** Call it often: time has passed, or the cell, its owner or its place may have changed. */
  follow(): void {
    const { cell } = this;
    const text = cell === undefined ? undefined : this.#options.textAt(cell);
    const place = cell === undefined || text === undefined ? undefined : this.#options.placeAt(cell);
    if (place && text !== undefined) this.#note.show(place, text);
    else this.#note.hide();
  }

  close(): void {
    this.#note.close();
  }
}
