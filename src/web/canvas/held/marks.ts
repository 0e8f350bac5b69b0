/*
 * Cells that stand out for a while: changed by others, refused, just found. Each kind lasts its time; how many there are is
 * bounded, as a screen full of marks says nothing. Pure but for the time it is given.
 */

export type MarkKind = "flash" | "refused" | "found";

export const MARKS: Readonly<Record<MarkKind, { readonly lastsMs: number; readonly cellsMax: number }>> = {
  flash: { lastsMs: 700, cellsMax: 400 },
  refused: { lastsMs: 6_000, cellsMax: 400 },
  found: { lastsMs: 3_000, cellsMax: 1 },
};

const KINDS = ["flash", "refused", "found"] as const;

export class Marks {
  readonly #ends: Readonly<Record<MarkKind, Map<number, number>>> = {
    flash: new Map(),
    refused: new Map(),
    found: new Map(),
  };

  get isEmpty(): boolean {
    return KINDS.every((kind) => this.#ends[kind].size === 0);
  }

  put(kind: MarkKind, cell: number, nowMs: number): void {
    const ends = this.#ends[kind];
    const { lastsMs, cellsMax } = MARKS[kind];
    if (!ends.delete(cell) && ends.size >= cellsMax) {
      if (kind !== "found") return;
      ends.clear();
    }
    ends.set(cell, nowMs + lastsMs);
  }

  remove(kind: MarkKind, cell: number): void {
    this.#ends[kind].delete(cell);
  }

  /** Marked cells, and how much of each one's time is left, 1 … 0; those whose time is over are gone. */
  *of(kind: MarkKind, nowMs: number): Iterable<readonly [cell: number, left: number]> {
    for (const [cell, endMs] of this.#ends[kind]) {
      if (endMs <= nowMs) this.#ends[kind].delete(cell);
      else yield [cell, (endMs - nowMs) / MARKS[kind].lastsMs];
    }
  }
}
