/*
 * Marked cells of the canvas. Each mark lasts its time. Their number is bounded: a screen full of
 * marks says nothing. Time comes from outside.
 */

/** How long a cell stands out: changed by someone else, refused, or just found. */
export const MARK_MS = { flash: 700, refused: 6_000, found: 3_000 } as const;

type MarkKind = keyof typeof MARK_MS;

export const MARKED_CELLS_MAX = 400;

export class Marks {
  readonly #ends: Readonly<Record<MarkKind, Map<number, number>>> = {
    flash: new Map(),
    refused: new Map(),
    found: new Map(),
  };

  get isEmpty(): boolean {
    return Object.values(this.#ends).every(({ size }) => size === 0);
  }

  put(kind: MarkKind, cell: number, nowMs: number): void {
    const ends = this.#ends[kind];
    // There is one found cell at a time.
    if (kind === "found") ends.clear();
    if (!ends.delete(cell) && ends.size >= MARKED_CELLS_MAX) return;
    ends.set(cell, nowMs + MARK_MS[kind]);
  }

  remove(kind: MarkKind, cell: number): void {
    this.#ends[kind].delete(cell);
  }

  /** Marked cells and how much of each mark's time is left, 1 … 0. Expired marks are dropped. */
  *of(kind: MarkKind, nowMs: number): Iterable<readonly [cell: number, left: number]> {
    for (const [cell, endMs] of this.#ends[kind]) {
      if (endMs <= nowMs) this.#ends[kind].delete(cell);
      else yield [cell, (endMs - nowMs) / MARK_MS[kind]];
    }
  }
}
