/* A note at a cell with the reason why its change was refused. It disappears by itself. */

import { MARK_MS } from "../held/marks.js";
import { type CellPlace, Note } from "./note.js";

export class RefusalNote {
  readonly #note: Note;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(surface: HTMLElement) {
    this.#note = new Note(surface, "refusal-note");
  }

  get isShown(): boolean {
    return this.#note.isShown;
  }

  show(place: CellPlace, text: string): void {
    this.#hide();
    this.#note.show(place, text);
    this.#timer = setTimeout(() => this.#hide(), MARK_MS.refused);
  }

  move(place: CellPlace): void {
    this.#note.move(place);
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
