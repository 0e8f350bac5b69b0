/*
 * The claims of one watched page, in step with the page: read once, then changed by the news that
 * come with deltas. After every resync they are read again, because the store's log has no owners.
 */

import type { Clock } from "../../protocol/clock.js";
import type { Claim } from "../../store/claims.js";
import type { Store } from "../../store/store.js";
import type { Follower } from "../pages/follower.js";
import { oneAtATime } from "../pages/one-at-a-time.js";
import { type Persistence, persist } from "../pages/persist.js";

export interface Owned {
  readonly owner: string;
  /** By the instance's clock; undefined if the claim has no end. */
  readonly endMs: number | undefined;
}

interface Listener {
  /** Some claims have changed. `before` and `now` are undefined for a free cell. */
  changed(changes: readonly OwnedChange[]): void;
  /** The claims were read again, because changes may have been missed. */
  reread(): void;
  failed(error: unknown): void;
}

export interface OwnedChange {
  readonly offset: number;
  readonly before: Owned | undefined;
  readonly now: Owned | undefined;
}

interface News {
  readonly version: number;
  readonly claims: readonly Claim[];
}

/** A hold that ended this long ago should have been released, and reported, by now. */
const LATE_MS = 3_000;
const RETRY_MS = { first: 50, most: 1_000 };

export class PageOwners {
  readonly owned = new Map<number, Owned>();
  /** The same by owner, because many watchers may ask at once for what is theirs. */
  readonly #cells = new Map<string, Map<number, Owned>>();
  /** The version of the page that `owned` is of. */
  version = 0;
  /** Resolves when the claims have been read once. */
  readonly ready: Promise<void>;
  readonly #follower: Follower;
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #listener: Listener;
  readonly #persistence: Persistence;
  readonly #stop: () => void;
  readonly #read = oneAtATime(() => this.#readOnce());
  /** News that arrived while the claims are being read. */
  #waiting: News[] | undefined;
  #isRead = false;
  #isClosed = false;

  constructor(follower: Follower, store: Store, clock: Clock, listener: Listener) {
    this.#follower = follower;
    this.#store = store;
    this.#clock = clock;
    this.#listener = listener;
    this.#persistence = { clock, retryMs: RETRY_MS, isClosed: () => this.#isClosed, failed: listener.failed };
    this.#stop = follower.observe({
      applied: (delta, claims) => {
        if (claims) this.#hear({ version: delta.to.version, claims });
      },
      restarted: () => undefined,
      resynced: () => void this.#read(),
    });
    this.ready = this.#read();
  }

  close(): void {
    this.#isClosed = true;
    this.#stop();
  }

  /** The cells of an owner. */
  of(owner: string): (readonly [offset: number, owned: Owned])[] {
    return Array.from(this.#cells.get(owner) ?? []);
  }

  /**
   * Reads the claims again if some should have been released. The store may have lost the page's
   * entry in the index of holds, and reading the claims adds it again.
   */
  checkEnds(): void {
    const lateMs = this.#clock.now() - LATE_MS;
    for (const { endMs = lateMs } of this.owned.values()) if (endMs < lateMs) return void this.#read();
  }

  #hear(news: News): void {
    if (this.#waiting) this.#waiting.push(news);
    else this.#listener.changed(this.#apply(news));
  }

  #apply({ version, claims }: News): OwnedChange[] {
    this.version = version;
    return claims.map((claim) => this.#take(claim));
  }

  async #readOnce(): Promise<void> {
    const waiting: News[] = [];
    this.#waiting = waiting;
    const read = await persist(this.#persistence, () => this.#store.claims(this.#follower.ref));
    this.#waiting = undefined;
    if (!read) return;
    const { position, claims } = read;
    this.version = position.version;
    this.owned.clear();
    this.#cells.clear();
    for (const claim of claims) this.#take(claim);
    for (const news of waiting) if (news.version > position.version) this.#apply(news);
    if (this.#isRead) this.#listener.reread();
    this.#isRead = true;
  }

  #take({ offset, owner, leftMs }: Claim): OwnedChange {
    const before = this.owned.get(offset);
    const endMs = leftMs === undefined ? undefined : this.#clock.now() + leftMs;
    const now = owner === undefined ? undefined : { owner, endMs };
    if (before) this.#lose(offset, before);
    if (now) this.#gain(offset, now);
    return { offset, before, now };
  }

  #gain(offset: number, owned: Owned): void {
    this.owned.set(offset, owned);
    const theirs = this.#cells.get(owned.owner) ?? new Map<number, Owned>();
    this.#cells.set(owned.owner, theirs.set(offset, owned));
  }

  #lose(offset: number, { owner }: Owned): void {
    this.owned.delete(offset);
    const theirs = this.#cells.get(owner);
    theirs?.delete(offset);
    if (theirs?.size === 0) this.#cells.delete(owner);
  }
}
