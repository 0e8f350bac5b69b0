/*
 * What one instance sees of the store: the contract of store.ts over two connections that break.
 * One, news.ts, tells what was committed. The other carries commands and answers, in order. When it
 * is cut, or mute and so without an answer for ANSWER_MS_MAX, all that is under way ends with
 * StoreAway{sent}, whether it had its effect or not; until the next connection stands, requests end
 * with StoreAway at once.
 *
 * It lives in the world, not in the instance: it goes on when the instance has died.
 */

import type { Snapshot } from "../../src/board/delta.js";
import type { PageRef } from "../../src/board/geometry.js";
import type { Position } from "../../src/board/position.js";
import type { Cancel, Clock } from "../../src/protocol/clock.js";
import type { BoardRecords } from "../../src/store/boards.js";
import type { ClaimRule } from "../../src/store/claims.js";
import { LocalBoards } from "../../src/store/embedded/local-boards.js";
import { LocalOverview } from "../../src/store/embedded/local-overview.js";
import type { OffsetRange } from "../../src/store/frozen.js";
import type { Unsubscribe } from "../../src/store/listeners.js";
import type { OverviewStore } from "../../src/store/overview.js";
import type { Announced } from "../../src/store/roll.js";
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
import { News, type NewsListener } from "./news.js";
import { Pipe } from "./pipe.js";
import type { StoreServer } from "./store-server.js";
import type { Weather } from "./weather.js";

export interface LinkListener extends NewsListener {
  /** A request failed: for a while nothing can be expected in time. */
  troubled(): void;
}

/** Longer than any answer takes that is not lost. */
const ANSWER_MS_MAX = 300;

export class StoreLink implements Store {
  readonly engine = "simulated";
  readonly failures = 0;
  readonly news: News;
  /** What one instance reports the others find by their checks: there is no news of it. */
  readonly overview: OverviewStore;
  /** None change in a simulation. */
  readonly boards: BoardRecords;
  readonly #server: StoreServer;
  readonly #clock: Clock;
  readonly #weather: Weather;
  readonly #troubled: () => void;
  readonly #availability = new Set<(available: boolean) => void>();
  /** Ends all that is under way on the present connection for commands. */
  readonly #underWay = new Set<(away: StoreAway) => void>();
  #commands: { readonly up: Pipe; readonly down: Pipe } | undefined;
  #isDead = false;

  constructor(server: StoreServer, clock: Clock, weather: Weather, listener: LinkListener) {
    this.#server = server;
    this.#clock = clock;
    this.#weather = weather;
    this.#troubled = () => listener.troubled();
    this.news = new News(server, clock, weather, listener);
    this.#commands = this.#connection();
    this.overview = new LocalOverview({
      ...server.tallies,
      read: (action) => this.#ask(action),
      atomically: (action) => this.#ask(action),
    });
    this.boards = new LocalBoards({
      ...server.boards,
      read: (action) => this.#ask(action),
      atomically: (action) => this.#ask(action),
    });
  }

  get available(): boolean {
    return this.#commands !== undefined;
  }

  commit(page: PageRef, batch: Batch): Promise<Committed> {
    return this.#ask(() => this.#server.commit(page, batch));
  }

  replace(page: PageRef, tag: string, bits: Uint8Array): Promise<Replaced> {
    return this.#ask(() => this.#server.replace(page, tag, bits));
  }

  read(page: PageRef): Promise<Snapshot> {
    return this.#ask(() => this.#server.snapshot(page));
  }

  since(page: PageRef, position: Position): Promise<Since> {
    return this.#ask(() => this.#server.since(page, position));
  }

  setRule(board: string, rule: ClaimRule | undefined): void {
    this.#server.rules.set(board, rule);
  }

  claims(page: PageRef): Promise<PageClaims> {
    return this.#ask(() => this.#server.claims(page));
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

  freeze(page: PageRef, range: OffsetRange, isFrozen: boolean): Promise<boolean> {
    return this.#ask(() => this.#server.freeze(page, range, isFrozen));
  }

  frozen(page: PageRef): Promise<readonly OffsetRange[] | undefined> {
    return this.#ask(() => this.#server.head(page).frozen);
  }

  heads(pages: readonly PageRef[]): Promise<PageHead[]> {
    return this.#ask(() => pages.map((page) => this.#server.head(page)));
  }

  async enroll(id: string, record: string): Promise<Announced[]> {
    return this.#ask(() => this.#server.roll.enroll(id, record));
  }

  subscribe(page: PageRef, listener: SubscriptionListener): Promise<Unsubscribe> {
    return this.news.subscribe(page, listener);
  }

  restartSubscriptions(): void {
    this.news.restart();
  }

  doze(ms: number): void {
    this.news.doze(ms);
  }

  wake(heard: () => void): void {
    this.news.wake();
    heard();
  }

  onAvailable(listener: (available: boolean) => void): Unsubscribe {
    this.#availability.add(listener);
    return () => this.#availability.delete(listener);
  }

  async close(): Promise<void> {
    this.die();
  }

  /** The connection for commands breaks; what is on its way arrives all the same, or not. */
  cut(arrives: boolean): void {
    const commands = this.#commands;
    if (!commands || this.#isDead) return;
    this.#commands = undefined;
    commands.down.cut();
    if (!arrives) commands.up.cut();
    this.#troubled();
    for (const end of this.#underWay) end(new StoreAway("the connection broke", { sent: true }));
    this.#underWay.clear();
    this.#tell(false);
    this.#reconnect();
  }

  /** What is sent one way is lost, and nobody is told until an answer is late. */
  mute(lost: "requests" | "answers"): void {
    if (lost === "requests") this.#commands?.up.cut();
    else this.#commands?.down.cut();
  }

  /** The instance is dead: what it sent may still arrive, but it hears nothing more. */
  die(): void {
    this.#isDead = true;
    this.news.die();
    this.#underWay.clear();
    this.#commands?.down.cut();
  }

  #connection(): { up: Pipe; down: Pipe } {
    return { up: this.#pipe(), down: this.#pipe() };
  }

  #pipe(): Pipe {
    return new Pipe(this.#clock, () => this.#weather.delayMs());
  }

  #reconnect(): void {
    this.#clock.after(this.#weather.reconnectMs(), () => {
      if (this.#isDead) return;
      if (this.#server.isHung) return this.#reconnect();
      this.#commands = this.#connection();
      this.#tell(true);
    });
  }

  #tell(available: boolean): void {
    for (const listener of this.#availability) listener(available);
  }

  #ask<Answer>(serve: () => Answer): Promise<Answer> {
    const commands = this.#commands;
    if (this.#isDead) return new Promise(() => undefined);
    if (!commands) {
      this.#troubled();
      return Promise.reject(new StoreAway("no connection", { sent: false }));
    }
    return new Promise((done, fail) => {
      const late: Cancel = this.#clock.after(ANSWER_MS_MAX, () => {
        if (this.#commands === commands) this.cut(true);
      });
      const end = (away: StoreAway) => {
        late();
        fail(away);
      };
      this.#underWay.add(end);
      commands.up.send(() =>
        this.#server.serve(() => {
          const answer = serve();
          commands.down.send(() => {
            late();
            this.#underWay.delete(end);
            done(answer);
          });
        }),
      );
    });
  }
}
