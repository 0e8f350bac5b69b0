/* Says things no faster than a person can follow: at most one in a while, and then the last. */

import type { Cancel } from "../../../protocol/clock.js";

export interface TellerClock {
  now(): number;
  after(ms: number, run: () => void): Cancel;
}

export class Teller {
  readonly #clock: TellerClock;
  readonly #everyMs: number;
  readonly #say: (text: string) => void;
  #saidMs = Number.NEGATIVE_INFINITY;
  #next: string | undefined;
  #cancel: Cancel | undefined;

  constructor(clock: TellerClock, everyMs: number, say: (text: string) => void) {
    this.#clock = clock;
    this.#everyMs = everyMs;
    this.#say = say;
  }

  tell(text: string): void {
    const waitMs = this.#saidMs + this.#everyMs - this.#clock.now();
    this.#next = text;
    if (waitMs <= 0) this.#tellNext();
    else this.#cancel ??= this.#clock.after(waitMs, () => this.#tellNext());
  }

  close(): void {
    this.#cancel?.();
    this.#next = undefined;
  }

  #tellNext(): void {
    this.#cancel?.();
    this.#cancel = undefined;
    if (this.#next === undefined) return;
    this.#saidMs = this.#clock.now();
    this.#say(this.#next);
    this.#next = undefined;
  }
}
