/*
 * The store of a relay: another instance, reached through a link (upstream-link.ts). It holds no
 * data. The upstream commits, and chooses the tags. A relay's replicas follow the upstream as those
 * of an instance follow Valkey:
 *
 *     viewers ── relay: replicas, hubs ══ one link ══ upstream: writer, store
 *
 * When a link ends, its subscriptions are made again on the next one, and their listeners hear
 * `resumed`, because deltas may be lost in between.
 */

import type { Snapshot } from "../../board/delta.js";
import type { PageRef } from "../../board/geometry.js";
import type { Position } from "../../board/position.js";
import { type Clock, realClock, within } from "../../protocol/clock.js";
import type { BoardRecords } from "../boards.js";
import { ALL_APPLIED, type Durabilities } from "../durability.js";
import type { OffsetRange } from "../frozen.js";
import { type HistoryRange, NO_HISTORY, type PageActivity, type PageHistory, type Retention } from "../history.js";
import type { Unsubscribe } from "../listeners.js";
import type { OverviewStore } from "../overview.js";
import type { Announced } from "../roll.js";
import {
  type Batch,
  type Committed,
  type HeadHeard,
  type PageClaims,
  type PageHead,
  type Released,
  type Replaced,
  type Since,
  type Store,
  StoreUnusable,
  type SubscriptionListener,
} from "../store.js";
import type { Welcome } from "./calls.js";
import { SameBoards } from "./same-boards.js";
import { UpstreamNews } from "./upstream-news.js";
import { Upstreams } from "./upstreams.js";

export interface UpstreamStoreOptions {
  /** Addresses of the upstreams' lanes, as `ws:` or `wss:`. Each must serve the same boards. */
  readonly urls: readonly string[];
  readonly secret: string;
  readonly clock?: Clock;
  readonly incident?: (message: string) => void;
}

/** An upstream that does not answer for this long at the start makes the start fail. */
const OPEN_MS_MAX = 6_000;

export class UpstreamStore implements Store {
  readonly engine = "upstream";
  readonly overview: OverviewStore;
  readonly boards: BoardRecords;
  readonly #upstreams: Upstreams;
  readonly #sameBoards: SameBoards;
  readonly #news: UpstreamNews;
  readonly #availability = new Set<(available: boolean) => void>();
  readonly #welcomed: Promise<void>;
  #welcome: Welcome | undefined;
  #lastIncident = "";
  #available = false;
  #failures = 0;

  private constructor({ urls, secret, clock = realClock, incident = () => undefined }: UpstreamStoreOptions) {
    let welcomed: () => void = () => undefined;
    this.#welcomed = new Promise((done) => {
      welcomed = done;
    });
    const report = (message: string) => {
      this.#lastIncident = message;
      incident(message);
    };
    const enroll = (id: string, record: string) => this.enroll(id, record);
    this.#sameBoards = new SameBoards({ urls, secret, clock, enroll, incident: report });
    this.#upstreams = new Upstreams({
      urls,
      secret,
      clock,
      mayUse: (url) => this.#sameBoards.mayUse(url),
      listener: {
        opened: (url, welcome) => {
          if (welcome.isAvailable) this.#sameBoards.used(url);
          this.#welcome = welcome;
          welcomed();
          this.#setAvailable(welcome.isAvailable);
          this.#news.renew();
        },
        event: (url, event) => {
          if (event.kind !== "available") return this.#news.heard(event);
          if (event.isAvailable) this.#sameBoards.used(url);
          this.#setAvailable(event.isAvailable);
        },
        lost: () => this.#setAvailable(false),
        failure: () => void this.#failures++,
        incident: report,
      },
    });
    this.#news = new UpstreamNews(this.#upstreams, clock);
    this.overview = {
      read: (board) => this.#upstreams.call("readOverview", [board]),
      report: async (board, reports) => void (await this.#upstreams.call("report", [board, [...reports]])),
      subscribe: (board, listener) => this.#news.overviews.add(board, listener),
      restartSubscription: (board) => void this.#upstreams.call("restartOverview", [board]).catch(forget),
    };
    this.boards = {
      list: async () => {
        const records = await this.#upstreams.call("listBoards", []);
        return records === null ? undefined : new Map(records);
      },
      change: (name, before, after) => this.#upstreams.call("changeBoard", [name, before ?? null, after ?? null]),
      subscribe: (changed) => this.#news.boards.add("boards", changed),
    };
  }

  /**
   * Rejects with StoreUnusable if no upstream can be used within some seconds, or if two of them
   * serve different boards.
   */
  static async open(options: UpstreamStoreOptions): Promise<UpstreamStore> {
    const store = new UpstreamStore(options);
    const { clock = realClock } = options;
    store.#upstreams.start();
    const unanswered = () =>
      new StoreUnusable(
        `${store.#lastIncident || "no upstream answered"}. ` +
          "Check UPSTREAM_URL and RELAY_SECRET, and that the upstream is running",
      );
    try {
      await within(clock, OPEN_MS_MAX, store.#welcomed, unanswered);
      // If its store is away, the check is made later.
      await store.#sameBoards.check().catch(forget);
      const { foreign } = store.#sameBoards;
      if (foreign.length === 0) return store;
      throw new StoreUnusable(
        `UPSTREAM_URL names instances with different boards (${foreign.join(", ")}). ` +
          "Name only instances of one deployment, which share a store",
      );
    } catch (error) {
      await store.close();
      throw error;
    }
  }

  get available(): boolean {
    return this.#available;
  }

  get failures(): number {
    return this.#failures;
  }

  get warning(): string | undefined {
    return this.#welcome?.warning;
  }

  /** As the upstream has them. */
  get durabilities(): Durabilities {
    const { durabilities } = this.#welcome ?? {};
    return durabilities ? { ...durabilities, boards: new Map(durabilities.boards) } : ALL_APPLIED;
  }

  /** As the upstream has it. */
  get retention(): Retention {
    const { histories } = this.#welcome ?? {};
    return histories ? { ...histories, boards: new Map(histories.boards) } : NO_HISTORY;
  }

  commit(page: PageRef, batch: Batch): Promise<Committed> {
    return this.#upstreams.call("commit", [page, batch]);
  }

  replace(page: PageRef, tag: string, bits: Uint8Array): Promise<Replaced> {
    return this.#upstreams.call("replace", [page, tag, bits]);
  }

  freeze(page: PageRef, range: OffsetRange, isFrozen: boolean): Promise<boolean> {
    return this.#upstreams.call("freeze", [page, range, isFrozen]);
  }

  async frozen(page: PageRef): Promise<readonly OffsetRange[] | undefined> {
    return (await this.#upstreams.call("frozen", [page])) ?? undefined;
  }

  read(page: PageRef): Promise<Snapshot> {
    return this.#upstreams.call("read", [page]);
  }

  since(page: PageRef, position: Position): Promise<Since> {
    return this.#upstreams.call("since", [page, position]);
  }

  async heads(pages: readonly PageRef[], heard?: HeadHeard): Promise<(PageHead | undefined)[]> {
    const heads = new Array<PageHead | undefined>(pages.length).fill(undefined);
    await this.#upstreams.call("heads", [pages], (part) => {
      for (const [index, head] of part) {
        if (index >= heads.length) continue;
        heads[index] = head ?? undefined;
        heard?.(index, heads[index]);
      }
    });
    return heads;
  }

  /** The upstream has the rule already: it stands in the board's record. */
  setRule(): void {}

  claims(page: PageRef): Promise<PageClaims> {
    return this.#upstreams.call("claims", [page]);
  }

  releaseExpired(released: Released): Promise<boolean> {
    return this.#upstreams.call("releaseExpired", [], ({ page, offsets, committed }) =>
      released(page, offsets, committed),
    );
  }

  async history(page: PageRef, range: HistoryRange): Promise<PageHistory | undefined> {
    return (await this.#upstreams.call("history", [page, range])) ?? undefined;
  }

  async activity(page: PageRef, range: HistoryRange, parts: number): Promise<PageActivity | undefined> {
    return (await this.#upstreams.call("activity", [page, range, parts])) ?? undefined;
  }

  enroll(id: string, record: string): Promise<Announced[]> {
    return this.#upstreams.call("enroll", [id, record]);
  }

  subscribe(page: PageRef, listener: SubscriptionListener): Promise<Unsubscribe> {
    return this.#news.pages.add(page, listener);
  }

  restartSubscriptions(pages: readonly PageRef[]): void {
    this.#upstreams.call("restart", [pages]).catch(forget);
  }

  /** News comes through the connection that also brings answers, which is read at all times. */
  doze(): void {}

  wake(heard: () => void): void {
    heard();
  }

  onAvailable(listener: (available: boolean) => void): Unsubscribe {
    this.#availability.add(listener);
    return () => this.#availability.delete(listener);
  }

  async close(): Promise<void> {
    this.#availability.clear();
    this.#news.close();
    this.#sameBoards.close();
    this.#upstreams.close();
  }

  #setAvailable(available: boolean): void {
    if (this.#available === available) return;
    this.#available = available;
    for (const listener of this.#availability) listener(available);
  }
}

function forget(): void {}
