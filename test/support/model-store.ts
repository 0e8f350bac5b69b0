/*
 * The simulation's model of a store (simulation/store-server.ts) for one instance in one process,
 * with time and faults under the test's control.
 */

import type { Delta, Snapshot } from "../../src/board/delta.js";
import { type PageRef, pageName } from "../../src/board/geometry.js";
import type { Position } from "../../src/board/position.js";
import { type Clock, pause } from "../../src/protocol/clock.js";
import { type Claim, type ClaimRule, NO_CLAIMS } from "../../src/store/claims.js";
import { LocalBoards } from "../../src/store/embedded/local-boards.js";
import { LocalOverview } from "../../src/store/embedded/local-overview.js";
import type { OffsetRange } from "../../src/store/frozen.js";
import { Listeners, type Unsubscribe } from "../../src/store/listeners.js";
import { type Announced, LocalRoll } from "../../src/store/roll.js";
import {
  type Batch,
  type Committed,
  type PageClaims,
  type PageHead,
  type Released,
  type Replaced,
  type Since,
  type Store,
  StoreAway,
  type SubscriptionListener,
} from "../../src/store/store.js";
import { StoreServer } from "../simulation/store-server.js";

const PAGE_BYTES = 8_192;

export class ModelStore implements Store {
  readonly engine = "model";
  available = true;
  readonly failures = 0;
  /**
   * Time from a request to its arrival, from there to its answer, and from a commit to its news.
   */
  delayMs = { request: 0, answer: 0, news: 0 };
  /** Called for each delta on its way to a subscriber; true loses it. */
  lose: (delta: Delta) => boolean = () => false;
  /** Subscriptions that are live. */
  subscriptions = 0;
  restarts = 0;
  commits: Batch[] = [];
  readonly overview: LocalOverview;
  readonly boards: LocalBoards;
  readonly #clock: Clock;
  readonly #server: StoreServer;
  readonly #roll: LocalRoll;
  readonly #listeners = new Listeners<SubscriptionListener>();

  constructor(clock: Clock, logMax = 100, claims = NO_CLAIMS) {
    this.#clock = clock;
    this.#server = new StoreServer(
      { pageBytes: PAGE_BYTES, logMax, claims, now: () => clock.now() },
      {
        committed: () => undefined,
        published: (name, delta, claims) => this.#publish(name, delta, claims),
        confused: (name) => {
          throw new Error(`two states of ${name} at one position`);
        },
      },
    );
    this.#roll = new LocalRoll(() => clock.now());
    this.overview = new LocalOverview({
      ...this.#server.tallies,
      read: (action) => this.#ask(action),
      atomically: (action) => this.#ask(action),
    });
    this.boards = new LocalBoards({
      ...this.#server.boards,
      read: (action) => this.#ask(action),
      atomically: (action) => this.#ask(action),
    });
  }

  commit(ref: PageRef, batch: Batch): Promise<Committed> {
    return this.#ask(() => {
      this.commits.push(batch);
      return this.#server.commit(ref, batch);
    });
  }

  replace(ref: PageRef, tag: string, bits: Uint8Array): Promise<Replaced> {
    return this.#ask(() => this.#server.replace(ref, tag, bits));
  }

  freeze(ref: PageRef, range: OffsetRange, isFrozen: boolean): Promise<boolean> {
    return this.#ask(() => this.#server.freeze(ref, range, isFrozen));
  }

  frozen(ref: PageRef): Promise<readonly OffsetRange[] | undefined> {
    return this.#ask(() => this.#server.head(ref).frozen);
  }

  read(ref: PageRef): Promise<Snapshot> {
    return this.#ask(() => this.#server.snapshot(ref));
  }

  since(ref: PageRef, position: Position): Promise<Since> {
    return this.#ask(() => this.#server.since(ref, position));
  }

  heads(pages: readonly PageRef[]): Promise<(PageHead | undefined)[]> {
    return this.#ask(() => pages.map((page) => this.#server.head(page)));
  }

  subscribe(ref: PageRef, listener: SubscriptionListener): Promise<Unsubscribe> {
    return this.#ask(() => {
      const unsubscribe = this.#listeners.add(pageName(ref), listener);
      this.subscriptions++;
      return () => {
        unsubscribe();
        this.subscriptions--;
      };
    });
  }

  setRule(board: string, rule: ClaimRule | undefined): void {
    this.#server.rules.set(board, rule);
  }

  claims(ref: PageRef): Promise<PageClaims> {
    return this.#ask(() => this.#server.claims(ref));
  }

  releaseExpired(released: Released): Promise<boolean> {
    return this.#ask(() => this.#server.releaseExpired(released));
  }

  /** None is kept. */
  async history(): Promise<undefined> {
    return undefined;
  }

  async activity(): Promise<undefined> {
    return undefined;
  }

  enroll(id: string, record: string): Promise<Announced[]> {
    return this.#ask(() => this.#roll.enroll(id, record));
  }

  restartSubscriptions(): void {
    this.restarts++;
  }

  doze(): void {}

  wake(heard: () => void): void {
    heard();
  }

  onAvailable(): Unsubscribe {
    return () => undefined;
  }

  async close(): Promise<void> {}

  /** The page as it is now, without delay. */
  snapshot(ref: PageRef): Snapshot {
    return this.#server.snapshot(ref);
  }

  checked(ref: PageRef): number {
    return this.#server.head(ref).checked;
  }

  /** A replica took over that lacks the page's last `count` commits. */
  loseTail(ref: PageRef, count: number): void {
    this.#server.loseTail(count, ({ board, page }) => board === ref.board && page === ref.page);
  }

  #publish(name: string, delta: Delta, claims: readonly Claim[] | undefined): void {
    this.#clock.after(this.delayMs.news, () => {
      for (const listener of this.#listeners.of(name)) if (!this.lose(delta)) listener.delta(delta, claims);
    });
  }

  async #ask<Answer>(answer: () => Answer | Promise<Answer>): Promise<Answer> {
    if (this.delayMs.request > 0) await pause(this.#clock, this.delayMs.request);
    if (!this.available) throw new StoreAway("away", { sent: false });
    const result = await answer();
    if (this.delayMs.answer > 0) await pause(this.#clock, this.delayMs.answer);
    return result;
  }
}
