/*
 * A note at a cell that says why its change was refused. It is in the browser's top layer, so that the scrolling grid
 * does not cut it off; it follows its cell and goes away by itself.
 */

const GAP_PX = 8;
const EDGE_PX = 8;

export class RefusalNote {
  readonly #scroller: HTMLElement | null;
  readonly #lastsMs: number;
  readonly #note = document.createElement("div");
  readonly #place = () => this.follow();
  #cell: HTMLElement | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(grid: HTMLElement, lastsMs: number) {
    this.#scroller = grid.parentElement;
    this.#lastsMs = lastsMs;
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
    this.#scroller?.addEventListener("scroll", this.#place, { passive: true });
    window.addEventListener("resize", this.#place);
    this.#timer = setTimeout(() => this.#hide(), this.#lastsMs);
  }

  /** To where its cell is now: above it where there is room, else below, and inside the screen; hidden while the cell is scrolled away. */
  follow(): void {
    if (!this.#cell) return;
    const cell = this.#cell.getBoundingClientRect();
    const { width, height } = this.#note.getBoundingClientRect();
    const center = cell.left + cell.width / 2;
    const left = Math.max(
      EDGE_PX,
      Math.min(document.documentElement.clientWidth - width - EDGE_PX, center - width / 2),
    );
    const isAbove = cell.top - height - GAP_PX >= EDGE_PX;
    const top = isAbove ? cell.top - height - GAP_PX : cell.bottom + GAP_PX;
    this.#note.dataset.side = isAbove ? "above" : "below";
    this.#note.style.left = `${left}px`;
    this.#note.style.top = `${top}px`;
    this.#note.style.setProperty("--tip", `${center - left}px`);
    const screen = this.#scroller?.getBoundingClientRect();
    const isAway = screen !== undefined && (cell.bottom < screen.top || cell.top > screen.bottom);
    this.#note.style.visibility = isAway ? "hidden" : "visible";
  }

  close(): void {
    this.#hide();
    this.#note.remove();
  }

  #hide(): void {
    clearTimeout(this.#timer);
    this.#scroller?.removeEventListener("scroll", this.#place);
    window.removeEventListener("resize", this.#place);
    if (this.#note.matches(":popover-open")) this.#note.hidePopover();
    this.#cell = undefined;
  }
}
