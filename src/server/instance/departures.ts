/*
 * Draining: clients are asked to leave in random order, spread evenly over time, to spare the
 * instances that they move to. Meanwhile the doors check `isDraining` and refuse new clients.
 */

import type { Cancel, Clock } from "../../protocol/clock.js";

/** Objects, as there is one for each client. */
export interface Departing {
  /** A request that waits. It is asked as soon as the instance closes. */
  readonly isRequest?: boolean;
  /** Asks the client to leave. */
  move(): void;
}

export class Departures {
  readonly #clock: Clock;
  readonly #present = new Set<Departing>();
  #isDraining = false;
  #emptied: () => void = () => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** The client is here until it has `left`. */
  add(client: Departing): void {
    this.#present.add(client);
    if (this.#isDraining) client.move();
  }

  left(client: Departing): void {
    if (this.#present.delete(client) && this.#present.size === 0) this.#emptied();
  }

  begin(): void {
    this.#isDraining = true;
  }

  /** Ends the requests that wait, for an instance that closes without a drain. */
  endRequests(): void {
    for (const client of [...this.#present]) if (client.isRequest) client.move();
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
          const client = order[asked];
          if (client && this.#present.has(client)) client.move();
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
