/* Cells whose change by this user has no answer yet, as far as it takes long enough to be seen to wait. */

import type { PendingCells } from "../../pending-cells.js";

const SHOWN_AFTER_MS = 200;
const SHOWN_MAX = 1_000;

export class WaitingCells {
  readonly #sinceMs = new Map<number, number>();

  /** `changed` is told when a cell begins and ceases to wait. */
  constructor(pending: PendingCells, changed: () => void) {
    pending.onChange = (cell, isPending) => {
      if (isPending) this.#sinceMs.set(cell, performance.now());
      else this.#sinceMs.delete(cell);
      changed();
    };
  }

  *shown(nowMs: number): Iterable<number> {
    let count = 0;
    for (const [cell, sinceMs] of this.#sinceMs) {
      if (nowMs - sinceMs < SHOWN_AFTER_MS) return;
      if (++count > SHOWN_MAX) return;
      yield cell;
    }
  }
}
