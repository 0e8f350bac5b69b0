/* The clock of one instance: the world's, until the instance is killed. Then none of its timers fires any more. */

import type { Cancel, Clock } from "../../src/protocol/clock.js";

export class ProcessClock implements Clock {
  readonly #clock: Clock;
  #isKilled = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  after(ms: number, run: () => void): Cancel {
    return this.#clock.after(ms, () => {
      if (!this.#isKilled) run();
    });
  }

  random(): number {
    return this.#clock.random();
  }

  kill(): void {
    this.#isKilled = true;
  }
}
