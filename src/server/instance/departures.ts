/*
 * Draining: clients are asked to leave in random order, spread evenly over time, to spare the
 * instances that they move to. Meanwhile the doors check `isDraining` and refuse new clients.
 */

import type { Cancel, Clock } from "../../protocol/clock.js";

export class Departures {
  readonly #clock: Clock;
  readonly #present = new Set<() => void>();
  #isDraining = false;
  #emptied: () => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** `leave` asks the client to leave. Call the returned function once it has left. */
  add(leave: () => void): () => void {
    this.#present.add(leave);
    if (this.#isDraining) leave();
    return () => {
      this.#present.delete(leave);
      if (this.#present.size === 0) this.#emptied();
    };
  }

  begin(): void {
    this.#isDraining = true;
  }

  /**
   * Asks all clients over `overMs`. Resolves when all have left, or `graceMs` after the last was
   * asked.
   */
  drain(overMs: number, graceMs: number): Promise<void> {
    this.begin();
    const order = shuffled([...this.#present], this.#clock);
    const startedMs = this.#clock.now();
    let asked = 0;
    return new Promise((done) => {
      let cancel: Cancel | undefined;
      this.#emptied = () => {
        cancel?.();
        done();
      };
      const dueMs = () => startedMs + (asked * overMs) / order.length;
      const ask = () => {
        for (; asked < order.length && dueMs() <= this.#clock.now(); asked++) {
          const leave = order[asked];
          if (leave && this.#present.has(leave)) leave();
        }
        if (this.#present.size === 0) return done();
        cancel =
          asked < order.length ? this.#clock.after(dueMs() - this.#clock.now(), ask) : this.#clock.after(graceMs, done);
      };
      ask();
    });
  }
}

function shuffled<Item>(items: readonly Item[], clock: Clock): Item[] {
  const drawn = items.map((item) => ({ item, place: clock.random() }));
  return drawn.sort((one, other) => one.place - other.place).map(({ item }) => item);
}
