/*
 * A note at a cell with the reason why its change was refused. It lives in the browser's top
 * layer, so that the scrolling grid does not clip it. It follows its cell and disappears by itself.
 */

import { MARK_MS } from "./timed-mark.js";

const GAP_PX = 8;
const EDGE_PX = 8;

export class RefusalNote {
  readonly #scroller: HTMLElement | null;
  readonly #note = document.createElement("div");
  #cell: HTMLElement | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(grid: HTMLElement) {
    this.#scroller = grid.parentElement;
    this.#note.className = "refusal-note";
    this.#note.translate = false;
    this.#note.dataset.testid = "refusal-note";
    this.#note.popover = "manual";
    document.body.append(this.#note);
  }

  show(cell: HTMLElement, text: string): void {
    this.#hide();
    this.#cell = cell;
    this.#note.textContent = text;
    this.#note.showPopover();
    this.follow();
    this.#scroller?.addEventListener("scroll", this.follow, { passive: true });
    window.addEventListener("resize", this.follow);
    this.#timer = setTimeout(() => this.#hide(), MARK_MS.refused);
  }

  /** Moves the note above or below its cell. Hides it while the cell is out of view. */
  readonly follow = () => {
    if (!this.#cell) return;
    const cell = this.#cell.getBoundingClientRect();
    const { width, height } = this.#note.getBoundingClientRect();
    const center = cell.left + cell.width / 2;
    const leftMax = document.documentElement.clientWidth - width - EDGE_PX;
    const left = Math.max(EDGE_PX, Math.min(leftMax, center - width / 2));
    const isAbove = cell.top - height - GAP_PX >= EDGE_PX;
    const top = isAbove ? cell.top - height - GAP_PX : cell.bottom + GAP_PX;
    this.#note.dataset.side = isAbove ? "above" : "below";
    this.#note.style.left = `${left}px`;
    this.#note.style.top = `${top}px`;
    this.#note.style.setProperty("--tip", `${center - left}px`);
    const view = this.#scroller?.getBoundingClientRect();
    const isOutside = view !== undefined && (cell.bottom < view.top || cell.top > view.bottom);
    this.#note.style.visibility = isOutside ? "hidden" : "visible";
  };

  close(): void {
    this.#hide();
    this.#note.remove();
  }

  #hide(): void {
    clearTimeout(this.#timer);
    this.#scroller?.removeEventListener("scroll", this.follow);
    window.removeEventListener("resize", this.follow);
    if (this.#note.matches(":popover-open")) this.#note.hidePopover();
    this.#cell = undefined;
  }
}
