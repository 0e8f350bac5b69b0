/*
 * Undo and redo, one after the other. An undo may be of a stroke whose pages were let go long ago: they are fetched first,
 * since only what still stands there is taken back.
 */

import { pageOf } from "../../board/geometry.js";
import type { Brush } from "./brush.js";

export interface UndoingOptions {
  readonly brush: Brush;
  /** Resolves when the cells of these pages can be read; they are kept until `release`. */
  readonly bring: (pages: ReadonlySet<number>) => Promise<void>;
  readonly release: () => void;
  /** Nothing can be changed at present. */
  readonly isOff: () => boolean;
  /** One was done. */
  readonly done: () => void;
}

export class Undoing {
  readonly #options: UndoingOptions;
  #last: Promise<void> = Promise.resolve();

  constructor(options: UndoingOptions) {
    this.#options = options;
  }

  do(step: "undo" | "redo"): void {
    this.#last = this.#last.then(() => this.#do(step));
  }

  async #do(step: "undo" | "redo"): Promise<void> {
    const { brush, bring, release, isOff, done } = this.#options;
    if (isOff()) return;
    await bring(new Set(Array.from(brush.strokes.cellsOf(step), pageOf)));
    brush[step]();
    release();
    done();
  }
}
