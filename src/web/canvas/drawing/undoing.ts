/*
 * Undo and redo, one after the other. An undo may be of a stroke whose pages were let go long ago: they are fetched first,
 * since only what still stands there is taken back.
 */

import { pageOf } from "../../../board/geometry.js";
import type { Brush } from "./brush.js";

export interface UndoingOptions {
  readonly brush: Pick<Brush, "undo" | "redo" | "strokes">;
  /** Resolves when the cells of these pages can be read; they are kept until `release`. */
  readonly bring: (pages: ReadonlySet<number>) => Promise<void>;
  readonly release: () => void;
  /** Nothing can be changed at present. */
  readonly isOff: () => boolean;
  /** One was done, or there was none to do. */
  readonly done: () => void;
  /** The pages did not come, so nothing was done; a cell of the stroke. */
  readonly gaveUp: (cell: number) => void;
}

/** A stroke may lie on more pages than may be watched: they would never all be there. */
const BRING_MS_MAX = 5_000;

export class Undoing {
  readonly #options: UndoingOptions;
  #last: Promise<void> = Promise.resolve();

  constructor(options: UndoingOptions) {
    this.#options = options;
  }

  /** Resolves when it is done, or given up. */
  do(step: "undo" | "redo"): Promise<void> {
    this.#last = this.#last.then(() => this.#do(step));
    return this.#last;
  }

  async #do(step: "undo" | "redo"): Promise<void> {
    const { brush, bring, release, isOff, done, gaveUp } = this.#options;
    const stroke = brush.strokes.next(step);
    const [cell] = stroke?.keys() ?? [];
    if (isOff() || !stroke || cell === undefined) return;
    const hasCome = await inTime(bring(new Set(Array.from(stroke.keys(), pageOf))));
    // Meanwhile a replay may have been opened, or another stroke drawn.
    const isStill = !isOff() && brush.strokes.next(step) === stroke;
    if (hasCome && isStill) brush[step]();
    release();
    if (!hasCome) gaveUp(cell);
    done();
  }
}

async function inTime(coming: Promise<void>): Promise<boolean> {
  let late: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<false>((done) => {
    late = setTimeout(() => done(false), BRING_MS_MAX);
  });
  try {
    return await Promise.race([coming.then(() => true), tooLate]);
  } finally {
    clearTimeout(late);
  }
}
