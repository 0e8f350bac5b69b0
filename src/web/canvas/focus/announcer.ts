/*
 * Announces changes that someone else makes to the focused checkbox. At most one message per
 * interval, and the last one wins, so that a person can follow.
 */

import type { CellChange } from "../../../client/index.js";
import type { Cancel, Clock } from "../../../protocol/clock.js";

const EVERY_MS = 1_500;

export class FocusAnnouncer {
  focused: number | undefined;
  readonly #clock: Clock;
  readonly #say: (text: string) => void;
  #saidMs = Number.NEGATIVE_INFINITY;
  #next: string | undefined;
  #cancel: Cancel | undefined;

  constructor(clock: Clock, say: (text: string) => void) {
    this.#clock = clock;
    this.#say = say;
  }

  changed(changes: readonly CellChange[]): void {
    for (const { cell, value, mine } of changes) {
      if (cell === this.focused && !mine) this.#next = `Checkbox ${cell} is now ${value ? "checked" : "unchecked"}.`;
    }
    if (this.#next === undefined) return;
    const waitMs = this.#saidMs + EVERY_MS - this.#clock.now();
    if (waitMs <= 0) this.#sayNext();
    else this.#cancel ??= this.#clock.after(waitMs, () => this.#sayNext());
  }

  close(): void {
    this.#cancel?.();
    this.#next = undefined;
  }

  #sayNext(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#next === undefined) return;
    this.#saidMs = this.#clock.now();
    this.#say(this.#next);
    this.#next = undefined;
  }
}
