/*
 * A mark is a data attribute on a cell that goes away by itself: just changed, refused, found. Its value alternates
 * between `a` and `b`, so that marking anew starts the stylesheet's animation anew without a forced layout. All cells of
 * one mark share one timer, and their number is bounded: a screen full of marks says nothing and costs paint.
 */

export interface TimedMarkOptions {
  /** `flash` is the attribute `data-flash`. */
  readonly name: string;
  readonly lastsMs: number;
  readonly cellsMax: number;
}

export class TimedMark {
  readonly #options: TimedMarkOptions;
  /** Marked cells and when each mark ends; in the order of ending, as all last equally long. */
  readonly #endsMs = new Map<HTMLElement, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: TimedMarkOptions) {
    this.#options = options;
  }

  put(cell: HTMLElement): void {
    const { name, lastsMs, cellsMax } = this.#options;
    const wasMarked = this.#endsMs.delete(cell);
    if (!wasMarked && this.#endsMs.size >= cellsMax) return;
    this.#endsMs.set(cell, performance.now() + lastsMs);
    cell.dataset[name] = cell.dataset[name] === "a" ? "b" : "a";
    this.#timer ??= setTimeout(() => this.#sweep(), lastsMs);
  }

  remove(cell: HTMLElement): void {
    if (this.#endsMs.delete(cell)) delete cell.dataset[this.#options.name];
  }

  close(): void {
    clearTimeout(this.#timer);
    for (const cell of this.#endsMs.keys()) this.remove(cell);
  }

  #sweep(): void {
    this.#timer = undefined;
    const nowMs = performance.now();
    for (const [cell, endMs] of this.#endsMs) {
      if (endMs > nowMs) {
        this.#timer = setTimeout(() => this.#sweep(), endMs - nowMs);
        return;
      }
      this.remove(cell);
    }
  }
}
