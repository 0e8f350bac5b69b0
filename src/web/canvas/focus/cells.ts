/*
 * The canvas for people who use a screen reader or a keyboard: a grid of real checkboxes. Only the
 * focused one and its neighbours exist. Except for the focus ring they are invisible.
 *
 *     grid (all rows and columns of the plane)     A move makes nine inputs around the next cell
 *       row 7    □ □ □                             and focuses it before the old ones go. A screen
 *       row 8    □ ■ □    ■ the only tab stop      reader announces it as in a complete grid.
 *       row 9    □ □ □
 */

import { makeElement, makeInput, setLocked } from "../../cell-elements.js";
import type { ShownPages } from "../paint/shown-pages.js";
import { cellAt, placeOf } from "../view/plane.js";
import type { Travel } from "../view/travel.js";
import type { Viewport } from "../view/viewport.js";
import { moveOnPlane } from "./keys.js";

/** The part of the canvas board that the focus needs. */
interface FocusBoard {
  readonly viewport: Viewport;
  readonly travel: Travel;
  readonly pages: Pick<ShownPages, "focus" | "isComplete">;
  shownAt(cell: number): boolean | undefined;
  lockReasonAt(cell: number): string | undefined;
  describe(input: HTMLInputElement, cell: number): void;
  toggle(cell: number): void;
  goTo(cell: number): void;
  draw(): void;
}

/** In cells smaller than this, in CSS pixels, the focus would be invisible, so a move zooms in. */
const SEEN_FROM_PX = 4;
/** The focus keeps this many CSS pixels from the edge of the view. */
const MARGIN_PX = 60;

export class FocusCells {
  readonly #root: HTMLElement;
  readonly #board: FocusBoard;
  readonly #onFocus: (cell: number | undefined) => void;
  readonly #abort = new AbortController();
  readonly #inputs = new Map<number, HTMLInputElement>();
  #rows: HTMLElement[] = [];
  #current = 0;
  #isMoving = false;
  #placed = "";
  #pitch: number | undefined;

  constructor(root: HTMLElement, board: FocusBoard, onFocus: (cell: number | undefined) => void) {
    this.#root = root;
    this.#board = board;
    this.#onFocus = onFocus;
    const { signal } = this.#abort;
    root.addEventListener("keydown", (event) => this.#pressed(event), { signal });
    root.addEventListener("change", (event) => this.#toggled(event), { signal });
    root.addEventListener("focusin", (event) => this.#focused(event), { signal });
    root.addEventListener("focusout", (event) => this.#blurred(event), { signal });
    root.ariaBusy = "true";
    this.#show(this.#middle());
  }

  focus(cell: number): void {
    this.#isMoving = true;
    this.#show(cell);
    this.#isMoving = false;
    this.#onFocus(cell);
  }

  /** Call it after the view has moved or cells have changed. */
  follow(): void {
    const { x, y } = this.#board.viewport.pointOf(this.#current);
    const { scale } = this.#board.viewport.camera;
    // A custom property is inherited: with the place in one, each frame would restyle all cells.
    if (scale !== this.#pitch) this.#root.style.setProperty("--pitch", `${scale}px`);
    this.#pitch = scale;
    const placed = `${x}px ${y}px`;
    if (placed !== this.#placed) this.#root.style.translate = placed;
    this.#placed = placed;
    if (this.#root.ariaBusy === "true" && this.#board.pages.isComplete) this.#root.ariaBusy = "false";
    for (const [cell, input] of this.#inputs) {
      const value = this.#board.shownAt(cell);
      if (input.checked !== (value ?? false)) input.checked = value ?? false;
      setLocked(input, this.#board.lockReasonAt(cell));
      this.#board.describe(input, cell);
      // Until a cell is loaded, a screen reader says that it is neither checked nor unchecked.
      if (input.indeterminate !== (value === undefined)) input.indeterminate = value === undefined;
    }
  }

  close(): void {
    this.#abort.abort();
    this.#root.replaceChildren();
  }

  #show(cell: number): void {
    const before = this.#rows;
    const hadFocus = this.#root.contains(document.activeElement) || this.#isMoving;
    this.#current = cell;
    this.#inputs.clear();
    const { x, y } = placeOf(cell);
    this.#rows = [-1, 0, 1].flatMap((down) => this.#makeRow(x, y + down, down));
    this.#root.append(...this.#rows);
    this.follow();
    if (hadFocus) {
      this.#board.pages.focus = cell;
      this.#inputs.get(cell)?.focus({ preventScroll: true });
    }
    for (const row of before) row.remove();
    this.#board.draw();
  }

  #makeRow(x: number, y: number, down: number): HTMLElement[] {
    const row = makeElement("div", "row");
    row.ariaRowIndex = String(y + 1);
    for (const across of [-1, 0, 1]) {
      const cell = cellAt(this.#board.viewport.plane, { x: x + across, y });
      if (cell === undefined) continue;
      const holder = makeElement("span", "gridcell");
      holder.ariaColIndex = String(x + across + 1);
      const input = makeInput(cell, "focus-cell");
      if (cell === this.#current) input.tabIndex = 0;
      input.style.setProperty("--across", String(across));
      input.style.setProperty("--down", String(down));
      this.#inputs.set(cell, input);
      holder.append(input);
      row.append(holder);
    }
    return row.childElementCount > 0 ? [row] : [];
  }

  #pressed(event: KeyboardEvent): void {
    if (event.altKey || event.metaKey || event.shiftKey) return;
    const { viewport } = this.#board;
    const pageRows = Math.max(1, Math.floor(viewport.view.height / Math.max(viewport.camera.scale, SEEN_FROM_PX)) - 1);
    const to = moveOnPlane(event, this.#current, viewport.plane, pageRows);
    if (to === undefined) return;
    event.preventDefault();
    this.focus(to);
    this.#reveal(to);
  }

  #toggled(event: Event): void {
    const { target } = event;
    if (!(target instanceof HTMLInputElement) || target.dataset.cell === undefined) return;
    this.#board.toggle(Number(target.dataset.cell));
    this.follow();
  }

  #focused(event: FocusEvent): void {
    const { target, relatedTarget } = event;
    if (this.#isMoving || !(target instanceof HTMLInputElement)) return;
    const cell = Number(target.dataset.cell);
    const isEntering = !(relatedTarget instanceof Node && this.#root.contains(relatedTarget));
    // On entry by the Tab key the focus goes to where the view is.
    const to = isEntering && !this.#board.viewport.shows(cell) ? this.#middle() : cell;
    if (to !== this.#current) {
      this.focus(to);
      return;
    }
    this.#board.pages.focus = this.#current;
    this.#board.draw();
    this.#onFocus(this.#current);
  }

  #blurred({ relatedTarget }: FocusEvent): void {
    // During a move the focus leaves an old input, not the grid.
    if (this.#isMoving || (relatedTarget instanceof Node && this.#root.contains(relatedTarget))) return;
    this.#board.pages.focus = undefined;
    this.#onFocus(undefined);
  }

  #middle(): number {
    const { camera, plane } = this.#board.viewport;
    return cellAt(plane, { x: Math.floor(camera.x), y: Math.floor(camera.y) }) ?? 0;
  }

  #reveal(cell: number): void {
    const { viewport } = this.#board;
    const { x, y } = placeOf(cell);
    const { target, view } = viewport;
    if (target.scale < SEEN_FROM_PX) {
      this.#board.goTo(cell);
      return;
    }
    const reach = (pixels: number) => Math.max(0, pixels / 2 - MARGIN_PX) / target.scale;
    const [across, down] = [reach(view.width), reach(view.height)];
    const to = {
      x: Math.max(x + 1 - across, Math.min(x + across, target.x)),
      y: Math.max(y + 1 - down, Math.min(y + down, target.y)),
      scale: target.scale,
    };
    if (to.x !== target.x || to.y !== target.y) this.#board.travel.to(to);
  }
}
