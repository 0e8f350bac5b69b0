/*
 * The sweep: unchecks cells whose holds have ended, about once a second. Every instance sweeps, and
 * the store hands each page to one of them. So holds end as long as any instance runs.
 */

import { type Cancel, type Clock, every, jitter } from "../../protocol/clock.js";
import { type Released, type Store, StoreAway } from "../../store/store.js";

const SWEEP_MS = 800;

interface Listener {
  /** Whether any board has holds that end. */
  isDue(): boolean;
  readonly released: Released;
  swept(): void;
  failed(error: unknown): void;
}

export class Sweep {
  readonly #store: Store;
  readonly #listener: Listener;
  readonly #stop: Cancel;

  constructor(store: Store, clock: Clock, listener: Listener) {
    this.#store = store;
    this.#listener = listener;
    this.#stop = every(
      clock,
      () => jitter(clock, SWEEP_MS),
      () => this.#sweep(),
    );
  }

  close(): void {
    this.#stop();
  }

  async #sweep(): Promise<void> {
    if (!this.#listener.isDue()) return;
    try {
      while (await this.#store.releaseExpired(this.#listener.released));
      this.#listener.swept();
    } catch (error) {
      if (!(error instanceof StoreAway)) this.#listener.failed(error);
    }
  }
}
