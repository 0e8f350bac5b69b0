/*
 * A mark is a data attribute on a cell that goes away by itself. Its value alternates between `a`
 * and `b`, so that a second mark restarts the stylesheet's animation without a forced layout. All
 * cells of one mark share one timer. Their number is bounded: a screen full of marks says nothing.
 */

/** How long a cell stands out: changed by someone else, refused, or just found. */
export const MARK_MS = { flash: 700, refused: 6_000, found: 3_000 } as const;

export type MarkKind = keyof typeof MARK_MS;

export class TimedMark {
  readonly #kind: MarkKind;
  readonly #cellsMax: number;
  /** Cell -> when its mark ends, in this order, since all marks last equally long. */
  readonly #endsMs = new Map<HTMLElement, number>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(kind: MarkKind, cellsMax: number) {
    this.#kind = kind;
    this.#cellsMax = cellsMax;
  }

  put(cell: HTMLElement): void {
    const kind = this.#kind;
    const wasMarked = this.#endsMs.delete(cell);
    if (!wasMarked && this.#endsMs.size >= this.#cellsMax) return;
    this.#endsMs.set(cell, performance.now() + MARK_MS[kind]);
    cell.dataset[kind] = cell.dataset[kind] === "a" ? "b" : "a";
    this.#timer ??= setTimeout(() => this.#sweep(), MARK_MS[kind]);
  }

  remove(cell: HTMLElement): void {
    if (this.#endsMs.delete(cell)) delete cell.dataset[this.#kind];
  }

  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
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
