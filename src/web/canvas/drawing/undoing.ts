/*
 * Undo and redo, one after the other. The pages of an old stroke are loaded first, since an undo
 * takes back only what still stands there.
 */

import { pageOf } from "../../../board/geometry.js";
import { realClock, within } from "../../../protocol/clock.js";
import type { Brush } from "./brush.js";

interface UndoingOptions {
  readonly brush: Pick<Brush, "undo" | "redo" | "strokes">;
  /** Resolves when these pages are loaded. They stay loaded until `release`. */
  readonly load: (pages: ReadonlySet<number>) => Promise<void>;
  readonly release: () => void;
  readonly isOff: () => boolean;
  /** Called after each step, even if it changed nothing. */
  readonly done: () => void;
  /** The pages did not load, so nothing was done. `cell` is one of the stroke. */
  readonly gaveUp: (cell: number) => void;
}

/** A stroke may lie on more pages than can be watched, which never load all at once. */
const LOAD_MS_MAX = 5_000;

export class Undoing {
  readonly #options: UndoingOptions;
  #last: Promise<void> = Promise.resolve();

  constructor(options: UndoingOptions) {
    this.#options = options;
  }

  do(step: "undo" | "redo"): Promise<void> {
    this.#last = this.#last.then(() => this.#do(step));
    return this.#last;
  }

  async #do(step: "undo" | "redo"): Promise<void> {
    const { brush, load, release, isOff, done, gaveUp } = this.#options;
    const stroke = brush.strokes.next(step);
    const [cell] = stroke?.keys() ?? [];
    if (isOff() || !stroke || cell === undefined) return;
    const loaded = load(new Set(Array.from(stroke.keys(), pageOf)));
    const hasCome = await within(realClock, LOAD_MS_MAX, loaded, () => new Error("not loaded")).then(
      () => true,
      () => false,
    );
    // A replay may have been opened meanwhile, or another stroke drawn.
    const isStill = !isOff() && brush.strokes.next(step) === stroke;
    if (hasCome && isStill) brush[step]();
    release();
    if (!hasCome) gaveUp(cell);
    done();
  }
}
