/* Refusals come in runs, for all cells of a write: each run is told once, by its first. */

import type { RefusedChange } from "../client/index.js";

export interface RefusalRun {
  readonly first: RefusedChange;
  /** What to say at its cell. */
  readonly note: string;
  /** What to say where the cell is not seen. */
  readonly text: string;
}

export class RefusalRuns {
  readonly #tell: (run: RefusalRun) => void;
  readonly #gathered: RefusedChange[] = [];

  constructor(tell: (run: RefusalRun) => void) {
    this.#tell = tell;
  }

  add(refused: RefusedChange): void {
    if (this.#gathered.push(refused) === 1) queueMicrotask(() => this.#tellAll());
  }

  #tellAll(): void {
    const [first, ...others] = this.#gathered.splice(0);
    if (!first) return;
    const also = others.length > 0 ? ` (and ${others.length} more)` : "";
    this.#tell({
      first,
      note: first.message + also,
      text: `Checkbox ${first.cell}${also} was not changed. ${first.message}`,
    });
  }
}
