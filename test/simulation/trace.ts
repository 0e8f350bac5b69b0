/* What happened, line by line, for the reader of a failing seed. Off, it costs a call. */

import type { Clock } from "../../src/protocol/clock.js";

export class Trace {
  readonly lines: string[] = [];
  readonly #clock: Clock;
  readonly #isOn: boolean;

  constructor(clock: Clock, isOn: boolean) {
    this.#clock = clock;
    this.#isOn = isOn;
  }

  say(line: () => string): void {
    if (this.#isOn) this.lines.push(`${this.#clock.now().toFixed(1).padStart(8)}  ${line()}`);
  }
}
