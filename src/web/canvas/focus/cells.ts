/*
 * The cells as a grid of real checkboxes. On a small board all of them exist, and are its picture.
 * On a larger one they are for people who use a screen reader or a keyboard. There only the focused
 * one and its neighbours exist, and except for the focus ring they are invisible.
 *
 *     grid (all rows and columns of the plane)     A move makes nine inputs around the next cell
 *       row 7    □ □ □                             and focuses it before the old ones go. A screen
 *       row 8    □ ■ □    ■ the only tab stop      reader announces it as in a complete grid.
 *       row 9    □ □ □
 */

import { cellAt, type Point, placeOf } from "../../../board/plane.js";
import type { ShownPages } from "../paint/shown-pages.js";
import { toView } from "../view/camera.js";
import { areElements } from "../view/elements.js";
import type { Travel } from "../view/travel.js";
import type { Viewport } from "../view/viewport.js";
import { makeElement, makeInput, setLocked } from "./cell-elements.js";
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
/** The smallest cell with a number, in CSS pixels. */
const NUMBERED_PX = 34;
/** A click belongs to a press that began at most this long before. */
const CLICK_MS = 2_000;

export class FocusCells {
  readonly #root: HTMLElement;
  readonly #board: FocusBoard;
  readonly #onFocus: (cell: number | undefined) => void;
  readonly #abort = new AbortController();
  readonly #inputs = new Map<number, HTMLInputElement>();
  #rows: HTMLElement[] = [];
  #current = 0;
  /** The place that the elements are positioned from. */
  #origin: Point = { x: 0, y: 0 };
  #pressedMs = Number.NEGATIVE_INFINITY;
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
    root.addEventListener("pointerdown", ({ timeStamp }) => this.#press(timeStamp), { signal });
    root.addEventListener("click", (event) => this.#clicked(event), { signal });
    root.toggleAttribute("data-whole", this.#isWhole);
    root.ariaBusy = "true";
    this.#show(this.#middle());
  }

  get #isWhole(): boolean {
    return areElements(this.#board.viewport.plane);
  }

  focus(cell: number): void {
    this.#isMoving = true;
    this.#show(cell);
    this.#isMoving = false;
    this.#onFocus(cell);
  }

  /** Call it after the view has moved or cells have changed. */
  follow(): void {
    const { camera, view } = this.#board.viewport;
    const { x, y } = toView(camera, view, this.#origin);
    const { scale } = camera;
    // A custom property is inherited: with the place in one, each frame would restyle all cells.
    if (scale !== this.#pitch) {
      this.#root.style.setProperty("--pitch", `${scale}px`);
      this.#root.toggleAttribute("data-numbered", scale >= NUMBERED_PX);
    }
    this.#pitch = scale;
    const placed = `${x}px ${y}px`;
    // Without the focus, the cells of a larger board are invisible, and styling takes time.
    const isLate = !this.#isWhole && this.#board.pages.focus === undefined && this.#board.viewport.isPassing;
    if (placed !== this.#placed && !isLate) {
      this.#root.style.translate = placed;
      this.#placed = placed;
    }
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
    const hadFocus = this.#root.contains(document.activeElement) || this.#isMoving;
    const before = this.#inputs.get(this.#current);
    this.#current = cell;
    const isMade = this.#isWhole && this.#rows.length > 0;
    const outgoing = isMade ? [] : this.#rows;
    if (!isMade) this.#makeRows();
    else if (before) before.tabIndex = -1;
    const input = this.#inputs.get(cell);
    if (input) input.tabIndex = 0;
    this.follow();
    if (hadFocus) {
      this.#board.pages.focus = cell;
      input?.focus({ preventScroll: true });
    }
    for (const row of outgoing) row.remove();
    this.#board.draw();
  }

  #makeRows(): void {
    const { plane } = this.#board.viewport;
    this.#inputs.clear();
    const { x, y } = placeOf(plane, this.#current);
    const [columns, rows] = this.#isWhole
      ? [numbers(0, plane.columns), numbers(0, plane.rows)]
      : [numbers(x - 1, x + 2), numbers(y - 1, y + 2)];
    this.#origin = this.#isWhole ? { x: 0, y: 0 } : { x, y };
    this.#rows = rows.flatMap((row) => this.#makeRow(columns, row));
    this.#root.append(...this.#rows);
  }

  #makeRow(columns: readonly number[], y: number): HTMLElement[] {
    const row = makeElement("div", "row");
    row.ariaRowIndex = String(y + 1);
    for (const x of columns) {
      const cell = cellAt(this.#board.viewport.plane, { x, y });
      if (cell === undefined) continue;
      const holder = makeElement("span", "gridcell");
      holder.ariaColIndex = String(x + 1);
      const input = makeInput(cell);
      input.style.setProperty("--across", String(x - this.#origin.x));
      input.style.setProperty("--down", String(y - this.#origin.y));
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

  #press(nowMs: number): void {
    this.#pressedMs = nowMs;
  }

  /** The tool decides what a press does. So only keys and screen readers click the checkbox. */
  #clicked(event: MouseEvent): void {
    const isPressed = event.detail > 0 && event.timeStamp - this.#pressedMs < CLICK_MS;
    if (isPressed) event.preventDefault();
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
    // A screen reader may go to any of the elements.
    if (to === cell && this.#isWhole) this.#reveal(cell);
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
    const { x, y } = placeOf(viewport.plane, cell);
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

function numbers(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, index) => from + index);
}
