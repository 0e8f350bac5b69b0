/* Tells a screen reader when somebody else changes the cell under the focus, at a rate that one can follow. */

import type { CellChange } from "../../../client/index.js";
import { realClock } from "../../../protocol/clock.js";
import { Teller } from "./teller.js";

const EVERY_MS = 1_500;

export class FocusTeller {
  focused: number | undefined;
  readonly #teller: Teller;

  constructor(say: (text: string) => void) {
    this.#teller = new Teller(realClock, EVERY_MS, say);
  }

  changed(changes: readonly CellChange[]): void {
    if (this.focused === undefined) return;
    for (const { cell, value, mine } of changes) {
      if (cell === this.focused && !mine) this.#teller.tell(`Checkbox ${cell} is now ${value ? "" : "not "}checked.`);
    }
  }

  close(): void {
    this.#teller.close();
  }
}
