/*
 * The canvas for those who do not see it or use no pointer: a grid of real checkboxes, of which only the one with the focus
 * and its neighbours exist. They lie invisibly over the cells that they stand for; the ring round the focus is theirs.
 *
 *     grid (all rows and columns of the plane)        a move makes the nine anew around the next cell and puts the
 *       row 7    □ □ □                                focus there before the old ones go, so a screen reader hears of
 *       row 8    □ ■ □    ■ the only tab stop         a cell as it does in a grid that is whole
 *       row 9    □ □ □
 */

import type { ShownPages } from "../paint/shown-pages.js";
import { cellAt, type Plane, placeOf } from "../view/plane.js";
import type { Travel } from "../view/travel.js";
import type { Viewport } from "../view/viewport.js";
import { moveOnPlane } from "./keys.js";

/** What the focus needs of the canvas board. */
export interface FocusBoard {
  readonly viewport: Viewport;
  readonly travel: Travel;
  readonly pages: Pick<ShownPages, "focus" | "isComplete">;
  shownAt(cell: number): boolean | undefined;
  hindranceAt(cell: number): string | undefined;
  toggle(cell: number): void;
  goTo(cell: number): void;
  draw(): void;
}

export interface FocusCellsListener {
  /** The cell with the focus, or none. */
  focused(cell: number | undefined): void;
}

/** CSS pixels of a cell below which a move of the focus zooms in, since nobody would see it. */
const SEEN_FROM_PX = 4;
/** CSS pixels: so near the edge of the view may the focus be. */
const MARGIN_PX = 60;

export class FocusCells {
  readonly #root: HTMLElement;
  readonly #board: FocusBoard;
  readonly #plane: Plane;
  readonly #listener: FocusCellsListener;
  readonly #abort = new AbortController();
  readonly #inputs = new Map<number, HTMLInputElement>();
  #rows: HTMLElement[] = [];
  #current = 0;
  #isMoving = false;
  #placed = "";
  #pitch: number | undefined;

  constructor(root: HTMLElement, board: FocusBoard, plane: Plane, listener: FocusCellsListener) {
    this.#root = root;
    this.#board = board;
    this.#plane = plane;
    this.#listener = listener;
    const { signal } = this.#abort;
    root.addEventListener("keydown", (event) => this.#pressed(event), { signal });
    root.addEventListener("change", (event) => this.#toggled(event), { signal });
    root.addEventListener("focusin", (event) => this.#focused(event), { signal });
    root.addEventListener("focusout", (event) => this.#blurred(event), { signal });
    root.ariaBusy = "true";
    this.#show(this.#middle());
  }

  /** The cell with the focus, or undefined while it is elsewhere. */
  get focused(): number | undefined {
    return this.#root.contains(document.activeElement) ? this.#current : undefined;
  }

  /** Moves the focus; the view is the caller's. */
  focus(cell: number): void {
    this.#isMoving = true;
    this.#show(cell);
    this.#isMoving = false;
    this.#listener.focused(cell);
  }

  /** After the view moved or cells changed: over their cells, and showing what these do. */
  follow(): void {
    const { x, y } = this.#board.viewport.pointOf(this.#current);
    const { scale } = this.#board.viewport.camera;
    // Of the two only the pitch is inherited: as a custom property, the place would restyle all cells in each frame.
    if (scale !== this.#pitch) this.#root.style.setProperty("--pitch", `${scale}px`);
    this.#pitch = scale;
    const placed = `${x}px ${y}px`;
    if (placed !== this.#placed) this.#root.style.translate = placed;
    this.#placed = placed;
    // Until all there is to see has come for the first time.
    if (this.#root.ariaBusy === "true" && this.#board.pages.isComplete) this.#root.ariaBusy = "false";
    for (const [cell, input] of this.#inputs) {
      const value = this.#board.shownAt(cell);
      if (input.checked !== (value ?? false)) input.checked = value ?? false;
      const hindrance = this.#board.hindranceAt(cell);
      if (input.title !== (hindrance ?? "")) {
        input.title = hindrance ?? "";
        input.ariaDisabled = hindrance === undefined ? null : "true";
      }
      // Not here yet: a screen reader says that it is neither.
      if (input.indeterminate !== (value === undefined)) input.indeterminate = value === undefined;
    }
  }

  close(): void {
    this.#abort.abort();
    this.#root.replaceChildren();
  }

  #show(cell: number): void {
    const before = this.#rows;
    const hadFocus = this.focused !== undefined || this.#isMoving;
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
    const row = element("div", "row");
    row.ariaRowIndex = String(y + 1);
    for (const across of [-1, 0, 1]) {
      const cell = cellAt(this.#plane, { x: x + across, y });
      if (cell === undefined) continue;
      const holder = element("span", "gridcell");
      holder.ariaColIndex = String(x + across + 1);
      const input = document.createElement("input");
      input.type = "checkbox";
      input.className = "focus-cell";
      input.tabIndex = cell === this.#current ? 0 : -1;
      input.dataset.cell = String(cell);
      input.ariaLabel = `Checkbox ${cell}`;
      input.autocomplete = "off";
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
    const to = moveOnPlane(event, this.#current, this.#plane, pageRows);
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
    // Who tabs in wants to be where the view is.
    const to = isEntering && !this.#board.viewport.shows(cell) ? this.#middle() : cell;
    if (to !== this.#current) {
      this.focus(to);
      return;
    }
    this.#board.pages.focus = this.#current;
    this.#board.draw();
    this.#listener.focused(this.#current);
  }

  #blurred({ relatedTarget }: FocusEvent): void {
    // While it moves, the focus leaves an element that is going, not the grid.
    if (this.#isMoving || (relatedTarget instanceof Node && this.#root.contains(relatedTarget))) return;
    this.#board.pages.focus = undefined;
    this.#listener.focused(undefined);
  }

  #middle(): number {
    const { camera } = this.#board.viewport;
    return cellAt(this.#plane, { x: Math.floor(camera.x), y: Math.floor(camera.y) }) ?? 0;
  }

  /** Brings the focus into the view, moving it no further than needed. */
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

function element(tag: "div" | "span", role: string): HTMLElement {
  const made = document.createElement(tag);
  made.role = role;
  return made;
}
