/*
 * The counter of HTTP requests that instances share, and what stands in for it: while the store is unavailable each
 * instance counts alone. An address then has at most its limit on each instance, and no request waits for the store.
 *
 * A store that does not answer in time counts as unavailable for a while: a server that hangs is noticed elsewhere only
 * after seconds, and one primary of several may be down.
 */

import type { Clock } from "../../protocol/clock.js";
import { StoreAway } from "../../store/store.js";

interface Hits {
  readonly totalHits: number;
  readonly resetTime: Date | undefined;
}

/** What the limiter asks of a store of its own. */
interface Counters<Options> {
  init?(options: Options): unknown;
  increment(key: string): Promise<Hits> | Hits;
  decrement(key: string): Promise<void> | void;
  resetKey(key: string): Promise<void> | void;
}

export interface LimitSource<Options> {
  readonly shared: Counters<Options>;
  readonly own: Counters<Options>;
  readonly clock: Clock;
  readonly isAvailable: () => boolean;
  /** Not of a store that is away: that is said elsewhere. */
  readonly failed: (error: unknown) => void;
}

const ANSWER_MS_MAX = 250;
const AWAY_MS = 2_000;

export class SharedLimits<Options> implements Counters<Options> {
  readonly #source: LimitSource<Options>;
  #awayUntilMs = Number.NEGATIVE_INFINITY;

  constructor(source: LimitSource<Options>) {
    this.#source = source;
  }

  init(options: Options): void {
    const { shared, own } = this.#source;
    for (const counters of [shared, own]) void counters.init?.(options);
  }

  increment(key: string) {
    return this.#count((counters) => counters.increment(key));
  }

  decrement(key: string) {
    return this.#count((counters) => counters.decrement(key));
  }

  resetKey(key: string) {
    return this.#count((counters) => counters.resetKey(key));
  }

  async #count<Result>(run: (counters: Counters<Options>) => Promise<Result> | Result): Promise<Result> {
    const { shared, own, clock, isAvailable, failed } = this.#source;
    if (!isAvailable() || clock.now() < this.#awayUntilMs) return run(own);
    let cancel = () => {};
    try {
      return await new Promise<Result>((done, fail) => {
        cancel = clock.after(ANSWER_MS_MAX, () => fail(new StoreAway("no answer in time", { sent: true })));
        Promise.resolve(run(shared)).then(done, fail);
      });
    } catch (error) {
      this.#awayUntilMs = clock.now() + AWAY_MS;
      if (!(error instanceof StoreAway)) failed(error);
      return run(own);
    } finally {
      cancel();
    }
  }
}
