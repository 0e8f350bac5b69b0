/*
 * A store that can be told to lose published deltas, or to act as if it were away, in front of a real one. What is lost
 * is only the news: commits are real.
 */

import type { Delta } from "../../src/board/delta.js";
import type { PageRef } from "../../src/board/geometry.js";
import { GENESIS, type Position } from "../../src/board/position.js";
import type { HistoryRange } from "../../src/store/history.js";
import type { Unsubscribe } from "../../src/store/listeners.js";
import { type Batch, type Committed, type Store, StoreAway, type SubscriptionListener } from "../../src/store/store.js";

export class FaultyStore implements Store {
  readonly #store: Store;
  /** Called for each delta on its way to the instance; true loses it. */
  lose: (delta: Delta) => boolean = () => false;
  /** The next answers of `commit` are lost after the commit was made. */
  answersToLose = 0;
  /** While set, every write counts as one that came too late to be judged: it is refused for good. */
  judgesStale = false;
  restarts = 0;

  constructor(store: Store) {
    this.#store = store;
  }

  get engine(): string {
    return this.#store.engine;
  }

  get available(): boolean {
    return this.#store.available;
  }

  get failures(): number {
    return this.#store.failures;
  }

  async commit(page: PageRef, batch: Batch): Promise<Committed> {
    if (this.judgesStale) {
      const [position = GENESIS] = await this.#store.positions([page]);
      const [tally] = await this.#store.overview.tallies([page]);
      return { position, outcomes: batch.writes.map(() => "stale"), checked: tally?.checked ?? 0 };
    }
    const committed = await this.#store.commit(page, batch);
    if (this.answersToLose > 0) {
      this.answersToLose--;
      throw new StoreAway("the answer was lost", { sent: true });
    }
    return committed;
  }

  replace(page: PageRef, tag: string, bits: Uint8Array) {
    return this.#store.replace(page, tag, bits);
  }

  read(page: PageRef) {
    return this.#store.read(page);
  }

  since(page: PageRef, position: Position) {
    return this.#store.since(page, position);
  }

  subscribe(page: PageRef, listener: SubscriptionListener): Promise<Unsubscribe> {
    return this.#store.subscribe(page, {
      delta: (delta) => {
        if (!this.lose(delta)) listener.delta(delta);
      },
      resumed: () => listener.resumed(),
    });
  }

  history(page: PageRef, range: HistoryRange) {
    return this.#store.history(page, range);
  }

  positions(pages: readonly PageRef[]) {
    return this.#store.positions(pages);
  }

  get overview() {
    return this.#store.overview;
  }

  announce(instance: string, text: string) {
    return this.#store.announce(instance, text);
  }

  restartSubscriptions(pages: readonly PageRef[]): void {
    this.restarts++;
    this.#store.restartSubscriptions(pages);
  }

  doze(ms: number): void {
    this.#store.doze(ms);
  }

  wake(heard: () => void): void {
    this.#store.wake(heard);
  }

  onAvailable(listener: (available: boolean) => void): Unsubscribe {
    return this.#store.onAvailable(listener);
  }

  close(): Promise<void> {
    return this.#store.close();
  }
}
