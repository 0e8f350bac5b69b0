/*
 * A note at a cell. It lives in the browser's top layer, so that the scrolling grid does not clip
 * it, and follows its cell.
 */

const GAP_PX = 8;
const EDGE_PX = 8;
/** Its size, and where floats are, is measured this often: measuring makes the browser lay out. */
const MEASURED_MS = 500;
/** A note covers none of these if there is room for it elsewhere. */
const FLOATS = ".header, .access, .tools, .fill-status, .stage-panels > *";

export class Note {
  readonly #scroller: HTMLElement | null;
  readonly #note = document.createElement("div");
  #cell: HTMLElement | undefined;
  #room: ReturnType<typeof measure> | undefined;

  constructor(grid: HTMLElement, kind: "refusal-note" | "hold-note") {
    this.#scroller = grid.parentElement;
    this.#note.className = `cell-note ${kind}`;
    this.#note.translate = false;
    this.#note.dataset.testid = kind;
    this.#note.popover = "manual";
    (grid.closest(".main") ?? document.body).append(this.#note);
  }

  get isShown(): boolean {
    return this.#cell !== undefined;
  }

  show(cell: HTMLElement, text: string): void {
    const wasShown = this.isShown;
    this.#cell = cell;
    if (this.#note.textContent !== text) {
      this.#note.textContent = text;
      this.#room = undefined;
    }
    if (!wasShown) {
      this.#note.showPopover();
      this.#scroller?.addEventListener("scroll", this.follow, { passive: true });
      window.addEventListener("resize", this.#resized);
    }
    this.follow();
  }

  /** Moves the note above or below its cell. Hides it while the cell is out of view. */
  readonly follow = () => {
    if (!this.#cell) return;
    if (!this.#room || performance.now() - this.#room.atMs > MEASURED_MS) {
      this.#room = measure(this.#note, this.#scroller);
    }
    const { width, height, leftMax, topMax, floats, view } = this.#room;
    const cell = this.#cell.getBoundingClientRect();
    const center = cell.left + cell.width / 2;
    const left = inPixels(Math.max(EDGE_PX, Math.min(leftMax, center - width / 2)));
    const above = cell.top - height - GAP_PX;
    const below = cell.bottom + GAP_PX;
    const isFree = (top: number) =>
      top >= EDGE_PX &&
      top <= topMax &&
      !floats.some(
        (float) => left < float.right && left + width > float.left && top < float.bottom && top + height > float.top,
      );
    const isAbove = isFree(above) || (above >= EDGE_PX && !isFree(below));
    const top = inPixels(isAbove ? above : below);
    this.#note.dataset.side = isAbove ? "above" : "below";
    this.#note.style.translate = `${left}px ${top}px`;
    this.#note.style.setProperty("--tip", `${center - left}px`);
    const isOutside = view !== undefined && (cell.bottom < view.top || cell.top > view.bottom);
    this.#note.style.visibility = isOutside ? "hidden" : "visible";
  };

  readonly #resized = () => {
    this.#room = undefined;
    this.follow();
  };

  hide(): void {
    if (!this.#cell) return;
    this.#cell = undefined;
    this.#room = undefined;
    this.#scroller?.removeEventListener("scroll", this.follow);
    window.removeEventListener("resize", this.#resized);
    this.#note.hidePopover();
  }

  close(): void {
    this.hide();
    this.#note.remove();
  }
}

/** Whole device pixels: between them, lines would be blurred. */
function inPixels(px: number): number {
  return Math.round(px * devicePixelRatio) / devicePixelRatio;
}

function measure(note: HTMLElement, scroller: HTMLElement | null) {
  const { width, height } = note.getBoundingClientRect();
  return {
    atMs: performance.now(),
    width,
    height,
    leftMax: document.documentElement.clientWidth - width - EDGE_PX,
    topMax: innerHeight - height - EDGE_PX,
    floats: Array.from(document.querySelectorAll(FLOATS), (float) => float.getBoundingClientRect()),
    view: scroller?.getBoundingClientRect(),
  };
}
