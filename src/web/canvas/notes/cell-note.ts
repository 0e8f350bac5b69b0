/* Notes at cells of the canvas: why a change was refused, and how long a hold lasts. */

import type { Viewport } from "../view/viewport.js";
import { HoldNote } from "./hold-note.js";
import { RefusalNote } from "./refusal-note.js";

export class CellNotes {
  readonly #viewport: Viewport;
  readonly #anchors: Readonly<Record<"refused" | "held", HTMLElement>>;
  readonly #refusal: RefusalNote;
  readonly #hold: HoldNote;
  #refused: number | undefined;

  /** `holder` gets an element for each note, which moves with the note's cell. */
  constructor(
    grid: HTMLElement,
    holder: HTMLElement,
    viewport: Viewport,
    countdownAt: (cell: number) => string | undefined,
  ) {
    this.#viewport = viewport;
    this.#anchors = { refused: anchorIn(holder), held: anchorIn(holder) };
    this.#refusal = new RefusalNote(grid);
    this.#hold = new HoldNote(grid, {
      textAt: (cell) => (this.#refusal.isShown ? undefined : countdownAt(cell)),
      elementAt: (cell) => (viewport.shows(cell) ? this.#place(this.#anchors.held, cell) : undefined),
    });
  }

  refuse(cell: number, text: string): void {
    this.#refused = cell;
    this.#refusal.show(this.#place(this.#anchors.refused, cell), text);
  }

  /** Call it when the view has moved, and once a second. `cell` is pointed at or has the focus. */
  follow(cell: number | undefined): void {
    this.#hold.cell = cell;
    this.#hold.follow();
    if (this.#refused === undefined) return;
    this.#place(this.#anchors.refused, this.#refused);
    this.#refusal.follow();
  }

  close(): void {
    this.#refusal.close();
    this.#hold.close();
    for (const anchor of Object.values(this.#anchors)) anchor.remove();
  }

  #place(anchor: HTMLElement, cell: number): HTMLElement {
    const { x, y } = this.#viewport.pointOf(cell);
    anchor.style.translate = `${x}px ${y}px`;
    anchor.style.width = `${this.#viewport.camera.scale}px`;
    return anchor;
  }
}

function anchorIn(holder: HTMLElement): HTMLElement {
  const anchor = document.createElement("div");
  anchor.className = "stage-anchor";
  holder.append(anchor);
  return anchor;
}
