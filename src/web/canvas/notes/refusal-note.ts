/* A note at a cell with the reason why its change was refused. It disappears by itself. */

import { MARK_MS } from "../held/marks.js";
import { Note } from "./note.js";

export class RefusalNote {
  readonly #note: Note;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(grid: HTMLElement) {
    this.#note = new Note(grid, "refusal-note");
  }

  get isShown(): boolean {
    return this.#note.isShown;
  }

  show(cell: HTMLElement, text: string): void {
    this.#hide();
    this.#note.show(cell, text);
    this.#timer = setTimeout(() => this.#hide(), MARK_MS.refused);
  }

  follow(): void {
    this.#note.follow();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#note.close();
  }

  #hide(): void {
    clearTimeout(this.#timer);
    this.#note.hide();
  }
}
