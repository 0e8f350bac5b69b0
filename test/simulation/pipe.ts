/*
 * One direction of a connection: what is sent arrives in order, each after its own delay, or, from the moment the pipe is
 * cut, not at all. It can be held, as by a reader that does not read: what is sent then waits.
 */

import type { Clock } from "../../src/protocol/clock.js";

interface Held {
  readonly arrive: () => void;
  readonly weight: number;
}

export class Pipe {
  readonly #clock: Clock;
  readonly #delayMs: () => number;
  #lastMs = 0;
  #isCut = false;
  #held: Held[] | undefined;

  constructor(clock: Clock, delayMs: () => number) {
    this.#clock = clock;
    this.#delayMs = delayMs;
  }

  /** The weight of what waits because the pipe is held. */
  get waiting(): number {
    return this.#held?.reduce((sum, { weight }) => sum + weight, 0) ?? 0;
  }

  get isHeld(): boolean {
    return this.#held !== undefined;
  }

  send(arrive: () => void, weight = 1): void {
    if (this.#isCut) return;
    if (this.#held) {
      this.#held.push({ arrive, weight });
      return;
    }
    const now = this.#clock.now();
    this.#lastMs = Math.max(this.#lastMs, now + this.#delayMs());
    this.#clock.after(this.#lastMs - now, () => {
      if (!this.#isCut) arrive();
    });
  }

  hold(): void {
    this.#held ??= [];
  }

  release(): void {
    const held = this.#held ?? [];
    this.#held = undefined;
    for (const { arrive, weight } of held) this.send(arrive, weight);
  }

  /** Loses what is on its way and all that is sent from now on. */
  cut(): void {
    this.#isCut = true;
    this.#held = undefined;
  }
}
