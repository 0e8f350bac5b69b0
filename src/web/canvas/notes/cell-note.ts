/* Notes at cells of the canvas: why a change was refused, and how long a hold lasts. */

import type { Viewport } from "../view/viewport.js";
import { HoldNote } from "./hold-note.js";
import type { CellPlace } from "./note.js";
import { RefusalNote } from "./refusal-note.js";

export class CellNotes {
  readonly #viewport: Viewport;
  readonly #refusal: RefusalNote;
  readonly #hold: HoldNote;
  #refused: number | undefined;

  /** `surface` is as large as the view. */
  constructor(surface: HTMLElement, viewport: Viewport, countdownAt: (cell: number) => string | undefined) {
    this.#viewport = viewport;
    this.#refusal = new RefusalNote(surface);
    this.#hold = new HoldNote(surface, {
      textAt: (cell) => (this.#refusal.isShown ? undefined : countdownAt(cell)),
      placeAt: (cell) => (viewport.shows(cell) ? this.#placeAt(cell) : undefined),
    });
  }

  refuse(cell: number, text: string): void {
    this.#refused = cell;
    this.#refusal.show(this.#placeAt(cell), text);
  }

  /** Call it when the view has moved, and once a second. `cell` is pointed at or has the focus. */
  follow(cell: number | undefined): void {
    this.#hold.cell = cell;
    this.#hold.follow();
    if (this.#refused !== undefined) this.#refusal.move(this.#placeAt(this.#refused));
  }

  close(): void {
    this.#refusal.close();
    this.#hold.close();
  }

  #placeAt(cell: number): CellPlace {
    const { camera, view } = this.#viewport;
    return { ...this.#viewport.pointOf(cell), side: camera.scale, view };
  }
}
