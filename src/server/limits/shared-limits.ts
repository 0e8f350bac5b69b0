/*
 * Counts the HTTP requests of each address per minute. Instances on one Valkey share the counts.
 * While the store is unavailable, each instance counts alone, and no request waits for the store. A
 * store that does not answer in time counts as unavailable for a while here. Elsewhere a hanging
 * server is noticed only after seconds, and one primary of several may be down.
 */

import { keepNewest } from "../../board/keep-newest.js";
import { type Clock, within } from "../../protocol/clock.js";
import { StoreAway } from "../../store/store.js";

/** An address's requests in its current window, and the time left in that window. */
export interface Hits {
  readonly hits: number;
  readonly leftMs: number;
}

/** Counts a request on the Valkey that instances share. */
export type CountShared = (address: string, windowMs: number) => Promise<Hits>;

interface LimitSource {
  /** Without it, each instance counts alone. */
  readonly shared: CountShared | undefined;
  readonly clock: Clock;
  readonly isAvailable: () => boolean;
  /** Called with every failure except StoreAway, which is reported elsewhere. */
  readonly failed: (error: unknown) => void;
}

export const WINDOW_MS = 60_000;
const ANSWER_MS_MAX = 250;
const AWAY_MS = 2_000;
/** Beyond this number of addresses, an instance that counts alone drops the oldest windows. */
const ADDRESSES_MAX = 100_000;

export class SharedLimits {
  readonly #source: LimitSource;
  /** Address -> its window. All windows are equally long, so the first in the map ends first. */
  readonly #own = new Map<string, { hits: number; readonly endsMs: number }>();
  #awayUntilMs = Number.NEGATIVE_INFINITY;

  constructor(source: LimitSource) {
    this.#source = source;
  }

  async count(address: string): Promise<Hits> {
    const { shared, clock, isAvailable, failed } = this.#source;
    if (!shared || !isAvailable() || clock.now() < this.#awayUntilMs) return this.#countAlone(address);
    const late = () => new StoreAway("no answer in time", { sent: true });
    try {
      return await within(clock, ANSWER_MS_MAX, shared(address, WINDOW_MS), late);
    } catch (error) {
      this.#awayUntilMs = clock.now() + AWAY_MS;
      if (!(error instanceof StoreAway)) failed(error);
      return this.#countAlone(address);
    }
  }

  #countAlone(address: string): Hits {
    const now = this.#source.clock.now();
    for (const [known, { endsMs }] of this.#own) {
      if (endsMs > now) break;
      this.#own.delete(known);
    }
    const count = this.#own.get(address) ?? { hits: 0, endsMs: now + WINDOW_MS };
    count.hits++;
    this.#own.set(address, count);
    keepNewest(this.#own, ADDRESSES_MAX);
    return { hits: count.hits, leftMs: count.endsMs - now };
  }
}
