/*
 * Gives up what takes too long: changes that cannot be delivered, and committed changes whose delta
 * does not come. On a silent connection that delta may still be on its way, so the wait counts only
 * while the instance is heard. If it was silent, it is first asked for a sign of life.
 */

import { type Cancel, type Clock, every } from "../protocol/clock.js";

/** Shorter than the server's memory of sequence numbers, so that it still recognises a late retry. */
const GIVE_UP_MS = 300_000;
const TICK_MS = 1_000;

interface Parts {
  readonly clock: Clock;
  /** Gives up the changes that were made before `beforeMs`. */
  expire(beforeMs: number): void;
  /** Joined pages on which a committed change is not in the replica yet. */
  awaited(): readonly number[];
  /** These pages were followed for another second. */
  waited(pages: readonly number[]): void;
  isAnswered(): Promise<boolean>;
}

export class Overdue {
  readonly stop: Cancel;
  /** Whether the instance was heard since the last tick. */
  #isHeard = false;

  constructor({ clock, expire, awaited, waited, isAnswered }: Parts) {
    this.stop = every(clock, TICK_MS, async () => {
      expire(clock.now() - GIVE_UP_MS);
      const isHeard = this.#isHeard;
      this.#isHeard = false;
      if (awaited().length > 0 && (isHeard || (await isAnswered()))) waited(awaited());
    });
  }

  heard(): void {
    this.#isHeard = true;
  }
}
