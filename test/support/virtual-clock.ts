/*
 * Time and chance under a test's control. Nothing happens until the test lets time pass; then timers fire in order, and
 * between them all promises that can settle do. One seed gives one run.
 */

import type { Cancel, Clock } from "../../src/protocol/clock.js";
import { Random } from "./random.js";
import { type Timer, TimerQueue } from "./timer-queue.js";

export class VirtualClock implements Clock {
  #nowMs = 0;
  #order = 0;
  readonly #timers = new TimerQueue();
  readonly #random: Random;

  constructor(seed = 1) {
    this.#random = new Random(seed);
  }

  now(): number {
    return this.#nowMs;
  }

  after(ms: number, run: () => void): Cancel {
    const timer: Timer = { atMs: this.#nowMs + Math.max(0, ms), order: this.#order++, run };
    this.#timers.push(timer);
    return () => {
      timer.run = undefined;
    };
  }

  random(): number {
    return this.#random.next();
  }

  /** Lets `ms` pass. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#nowMs + ms;
    await settle();
    for (let next = this.#timers.take(endMs); next; next = this.#timers.take(endMs)) {
      this.#nowMs = next.atMs;
      next.run?.();
      await settle();
    }
    this.#nowMs = endMs;
  }
}

/** Until every promise that needs no timer has settled: a turn of the event loop runs all microtasks before it. */
export function settle(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}
