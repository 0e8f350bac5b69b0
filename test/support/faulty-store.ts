/*
 * A store that can be told to lose published deltas and answers, in front of a real one. Only news
 * are lost: commits are real.
 */

import type { Delta } from "../../src/board/delta.js";
import type { PageRef } from "../../src/board/geometry.js";
import { GENESIS } from "../../src/board/position.js";
import type { Unsubscribe } from "../../src/store/listeners.js";
import { type Batch, type Committed, type Store, StoreAway, type SubscriptionListener } from "../../src/store/store.js";
import { DelegateStore } from "./delegate-store.js";

export class FaultyStore extends DelegateStore<Store> {
  /** Called for each delta on its way to the instance; true loses it. */
  lose: (delta: Delta) => boolean = () => false;
  /** The next answers of `commit` are lost after the commit was made. */
  answersToLose = 0;
  /**
   * While set, every write counts as one that came too late to be judged: it is refused for good.
   */
  judgesStale = false;
  restarts = 0;

  override async commit(page: PageRef, batch: Batch): Promise<Committed> {
    if (this.judgesStale) {
      const [head = { position: GENESIS, checked: 0 }] = await this.store.heads([page]);
      return { position: head.position, outcomes: batch.writes.map(() => "stale"), checked: head.checked };
    }
    const committed = await this.store.commit(page, batch);
    if (this.answersToLose > 0) {
      this.answersToLose--;
      throw new StoreAway("the answer was lost", { sent: true });
    }
    return committed;
  }

  override subscribe(page: PageRef, listener: SubscriptionListener): Promise<Unsubscribe> {
    return this.store.subscribe(page, {
      delta: (delta, claims) => {
        if (!this.lose(delta)) listener.delta(delta, claims);
      },
      resumed: () => listener.resumed(),
    });
  }

  override restartSubscriptions(pages: readonly PageRef[]): void {
    this.restarts++;
    this.store.restartSubscriptions(pages);
  }
}
