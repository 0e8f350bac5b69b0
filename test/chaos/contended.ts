/*
 * Contended cells: all users set them to what they please, at the same time. What a cell may hold when nobody writes is
 * judged by the intervals in which its writes took effect, each somewhere between its beginning and its end:
 *
 *     set 1   ├────────┤
 *     set 0        ├───────┤        1 or 0: they overlap
 *     set 1                  ├──┤   only 1: both others were over when it began
 *
 * A value is founded if some write of it was not over before an acknowledged write of the other value began. A write
 * whose outcome is unknown has no end.
 */

import type { WriteOutcome } from "./history.js";
import { PAGES } from "./register.js";

export interface CellWrite {
  readonly value: boolean;
  readonly invokedAt: number;
  settledAt: number;
  outcome: WriteOutcome | "open";
}

export class ContendedCells {
  /** The writes of each cell that may still account for its value. */
  readonly #writes = new Map<number, CellWrite[]>();

  begin(cell: number, value: boolean, at: number): CellWrite {
    const write: CellWrite = { value, invokedAt: at, settledAt: Number.POSITIVE_INFINITY, outcome: "open" };
    const writes = this.#writes.get(cell) ?? [standing(false, at)];
    this.#writes.set(cell, writes);
    writes.push(write);
    return write;
  }

  /** What was over is lost, or in the survivor; where the survivor is not known, it may be anything that was. */
  fork(pages: readonly number[], survivor: readonly boolean[] | undefined, at: number): void {
    for (const [cell, writes] of this.#writes) {
      if (!pages.includes(cell % PAGES)) continue;
      const over = writes.filter(({ settledAt }) => settledAt < at);
      const rest = writes.filter(({ settledAt }) => settledAt >= at);
      const kept = survivor ? [standing(survivor[cell] ?? false, at)] : over.map(asOpen);
      this.#writes.set(cell, [...kept, ...rest]);
    }
  }

  /** Whether some write accounts for `value`, which the cell has now, while nobody writes. */
  isFounded(cell: number, value: boolean, at: number): boolean {
    const writes = this.#writes.get(cell) ?? [standing(false, at)];
    const overruling = writes.filter((write) => write.value !== value && write.outcome === "acknowledged");
    const overruledAt = Math.max(-1, ...overruling.map(({ invokedAt }) => invokedAt));
    const isFounded = writes.some(
      (write) => write.value === value && write.outcome !== "refused" && write.settledAt > overruledAt,
    );
    // What can account for anything later: what stands now, and what may yet come about.
    const open = writes.filter(({ outcome }) => outcome === "open" || outcome === "unknown");
    this.#writes.set(cell, [standing(value, at), ...open]);
    return isFounded;
  }
}

/** The value a cell is known to have, as if someone had just written it. */
function standing(value: boolean, at: number): CellWrite {
  return { value, invokedAt: -1, settledAt: at, outcome: "acknowledged" };
}

function asOpen(write: CellWrite): CellWrite {
  return { ...write, invokedAt: -1, settledAt: Number.POSITIVE_INFINITY };
}
