/* A refusal note at a cell of the canvas, held by an element that moves with the cell. */

import { RefusalNote } from "../refusal-note.js";
import type { Viewport } from "./view/viewport.js";

export class CellNote {
  readonly #anchor: HTMLElement;
  readonly #viewport: Viewport;
  readonly #note: RefusalNote;
  #cell: number | undefined;

  constructor(grid: HTMLElement, anchor: HTMLElement, viewport: Viewport) {
    this.#anchor = anchor;
    this.#viewport = viewport;
    this.#note = new RefusalNote(grid);
  }

  show(cell: number, text: string): void {
    this.#cell = cell;
    this.#place(cell);
    this.#note.show(this.#anchor, text);
  }

  /** Call it after the view has moved. */
  follow(): void {
    if (this.#cell === undefined) return;
    this.#place(this.#cell);
    this.#note.follow();
  }

  close(): void {
    this.#note.close();
  }

  #place(cell: number): void {
    const { x, y } = this.#viewport.pointOf(cell);
    this.#anchor.style.translate = `${x}px ${y}px`;
    this.#anchor.style.width = `${this.#viewport.camera.scale}px`;
  }
}
