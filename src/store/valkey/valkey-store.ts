/*
 * The store on Valkey, which may be one server or a cluster. keys.ts names the keys of a page. Each
 * change to a page is one script run, so no other instance can come between its steps. Pub/Sub
 * delivers at most once, so the store reports every interruption (`resumed`), and followers ask for
 * the deltas that they missed.
 */

import { usedBytes } from "../../board/bitmap.js";
import type { Snapshot } from "../../board/delta.js";
import { type PageRef, pageName } from "../../board/geometry.js";
import type { Position } from "../../board/position.js";
import { countOf, formatCount } from "../../protocol/count.js";
import { readActivity } from "../activity.js";
import type { BoardRecords } from "../boards.js";
import { ofBoard } from "../by-board.js";
import { type ClaimRule, RuleBook } from "../claims.js";
import { Damages, MisfitPage, ofNoPage } from "../damage.js";
import { ALL_APPLIED, DURABILITY_WAIT_MS, type Durabilities, type Durability } from "../durability.js";
import type { OffsetRange } from "../frozen.js";
import { type Histories, type HistoryRange, NO_HISTORY, readHistory } from "../history.js";
import type { Unsubscribe } from "../listeners.js";
import { loggedSince } from "../logged.js";
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
  STORE_LIMITS,
  type Store,
  type StoreLimits,
  type SubscriptionListener,
} from "../store.js";
import { addressOf, type ValkeyStoreOptions } from "./address/options.js";
import { withoutPassword } from "./address/url.js";
import { ValkeyBoards } from "./boards.js";
import { ClaimedPages } from "./claimed-pages.js";
import { checkDurabilities } from "./durability-check.js";
import { EvictionWatch } from "./eviction.js";
import { ValkeyOverview } from "./overview.js";
import { PageReads, readPublished } from "./page-reads.js";
import { ValkeyLink } from "./routing/link.js";
import { Names } from "./scripts/keys.js";
import { commitCall, freezeCall, repairCall, replaceCall, sinceCall, type WriteMode } from "./scripts/page-calls.js";
import { countCall, rollCall, type ScriptCall } from "./scripts/scripts.js";
import { needsOf } from "./server/rights.js";

export class ValkeyStore implements Store {
  readonly engine = "valkey";
  readonly names: Names;
  readonly claims = (page: PageRef): Promise<PageClaims> => this.#claimed.read(page);
  readonly releaseExpired = (released: Released): Promise<boolean> => this.#claimed.releaseExpired(released);
  readonly history = (page: PageRef, range: HistoryRange) => readHistory(page.page, this.#recorded(page), range);
  readonly activity = (page: PageRef, range: HistoryRange, parts: number) =>
    readActivity(this.#recorded(page), range, parts);
  readonly #recorded = (page: PageRef) => this.#reads.history(page, this.#histories, () => this.read(page));
  readonly setRule = (board: string, rule: ClaimRule | undefined) => this.#rules.set(board, rule);
  readonly #limits: StoreLimits;
  readonly #durabilities: Durabilities;
  readonly #histories: Histories;
  readonly #rules: RuleBook;
  readonly #incident: (message: string, cause?: unknown) => void;
  readonly #damages: Damages;
  readonly #availability = new Set<(available: boolean) => void>();
  readonly #eviction: EvictionWatch;
  readonly #link: ValkeyLink;
  readonly #reads: PageReads;
  readonly #claimed: ClaimedPages;
  readonly overview: OverviewStore;
  readonly boards: BoardRecords;
  #failures = 0;
  /** Number of `wake` calls that have not called back yet. */
  #waking = 0;

  private constructor(options: ValkeyStoreOptions) {
    const address = addressOf(options);
    this.names = new Names(options.keyPrefix, address.kind === "single" ? address.database : 0);
    this.#limits = options.limits ?? STORE_LIMITS;
    this.#durabilities = options.durabilities ?? ALL_APPLIED;
    this.#histories = options.histories ?? NO_HISTORY;
    this.#rules = new RuleBook(options.claims);
    this.#incident = options.incident ?? (() => undefined);
    this.#damages = new Damages(this.#incident);
    this.#eviction = new EvictionWatch(() => this.everywhere("INFO", "memory"), this.#incident);
    const needs = needsOf(this.names, {
      boards: options.boards ?? [],
      publish: address.kind === "cluster" ? "SPUBLISH" : "PUBLISH",
      durabilities: this.#durabilities,
      histories: this.#histories,
      ...(options.claims && { claims: options.claims }),
    });
    const wait = { durabilityWaitMs: options.durabilityWaitMs ?? DURABILITY_WAIT_MS, needs };
    this.#link = new ValkeyLink(address, wait, {
      available: (available) => {
        if (available) this.#eviction.available();
        for (const listener of this.#availability) listener(available);
      },
      failure: () => void this.#failures++,
      incident: this.#incident,
    });
    this.#reads = new PageReads(this.#link, this.names, this.#damages);
    this.#claimed = new ClaimedPages(this.#link, this.names, {
      rules: this.#rules,
      run: (page, call) => this.#runWhole(page, call, undefined, "list of claims"),
      commit: (page, batch, mark) => this.#commit(page, batch, mark),
    });
    this.overview = new ValkeyOverview(this.#link, this.names, this.#damages);
    this.boards = new ValkeyBoards(this.#link, this.names, this.#durabilities, this.#damages);
  }

  /** Rejects with StoreUnusable. */
  static async open(options: ValkeyStoreOptions): Promise<ValkeyStore> {
    const store = new ValkeyStore(options);
    await store.#link.open(withoutPassword(options.url));
    try {
      await checkDurabilities(store.#durabilities, store.#link, store.#incident);
      await store.#eviction.start();
    } catch (error) {
      await store.close();
      throw error;
    }
    return store;
  }

  get warning(): string | undefined {
    return this.#eviction.warning;
  }

  /** Whether pages are deleted when memory is full. No instance should start on such a Valkey. */
  get evictsPages(): boolean {
    return this.#eviction.losesPages;
  }

  /** Checks immediately whether Valkey may lose data. */
  checkEviction(): Promise<void> {
    return this.#eviction.check();
  }

  get available(): boolean {
    return this.#link.available;
  }

  get failures(): number {
    return this.#failures;
  }

  commit(page: PageRef, batch: Batch): Promise<Committed> {
    return this.#rules.of(page.board) ? this.#claimed.commit(page, batch) : this.#commit(page, batch, "");
  }

  replace(page: PageRef, tag: string, bits: Uint8Array): Promise<Replaced> {
    const used = bits.subarray(0, usedBytes(bits));
    return this.#write(page, replaceCall(this.names, page, tag, used, this.#modeOf(page)));
  }

  freeze(page: PageRef, range: OffsetRange, isFrozen: boolean): Promise<boolean> {
    return this.#write(page, freezeCall(this.names, page, range, isFrozen));
  }

  frozen(page: PageRef): Promise<OffsetRange[] | undefined> {
    return this.#reads.frozen(page);
  }

  async read(page: PageRef): Promise<Snapshot> {
    const answer = await this.#runWhole(page, sinceCall(this.names, page));
    if (answer.kind !== "snapshot") throw new Error("since.lua gave deltas instead of a snapshot");
    return answer;
  }

  async since(page: PageRef, position: Position): Promise<Since> {
    const answer = await this.#runWhole(page, sinceCall(this.names, page, position));
    if (answer.kind === "snapshot") return answer;
    const log = await this.#reads.log(page, position, answer.head);
    const deltas = loggedSince(log, position, answer.head);
    // Without deltas, the log was trimmed, or cut off by a failover, after the script had read it.
    return deltas ? { kind: "deltas", deltas } : this.read(page);
  }

  heads(pages: readonly PageRef[], heard?: HeadHeard): Promise<(PageHead | undefined)[]> {
    return this.#reads.heads(pages, heard);
  }

  enroll(id: string, record: string): Promise<Announced[]> {
    const { heard, records } = this.names.roll;
    return this.#link.run(rollCall(this.names, id, record)).catch(ofNoPage(`${heard} or ${records}`));
  }

  subscribe(page: PageRef, listener: SubscriptionListener): Promise<Unsubscribe> {
    const name = this.names.page(page).channel;
    return this.#link.subscribe(name, {
      message: (text) => {
        const read = readPublished(page.page, text);
        // Anyone with access to Valkey can publish.
        if (read) listener.delta(read.delta, read.claims);
        else this.#incident(`a message on ${name} is not a delta and was ignored: check which program publishes there`);
      },
      resumed: () => listener.resumed(),
    });
  }

  restartSubscriptions(pages: readonly PageRef[]): void {
    this.#link.restartSubscribers(pages.map((page) => this.names.page(page).channel));
  }

  doze(ms: number): void {
    // While `wake` is pending, unread messages must be read first.
    if (this.#waking === 0) this.#link.doze(ms);
  }

  wake(heard: () => void): void {
    this.#link.wake();
    this.#waking++;
    // Between two immediates the event loop polls its sockets, whatever phase it is in now.
    setImmediate(() =>
      setImmediate(() => {
        this.#waking--;
        heard();
      }),
    );
  }

  onAvailable(listener: (available: boolean) => void): Unsubscribe {
    this.#availability.add(listener);
    return () => this.#availability.delete(listener);
  }

  /** Counts an HTTP request from an address, over all instances. */
  countRequest(address: string, windowMs: number): Promise<{ readonly hits: number; readonly leftMs: number }> {
    // Without the address, all addresses share one line in the log.
    return this.#link.run(countCall(this.names, address, windowMs)).catch(ofNoPage(`${this.names.limits}*`));
  }

  /** Runs any command on the server that owns `key`. */
  command(key: string, name: string, ...args: string[]): Promise<unknown> {
    return this.#link.command(key, name, ...args);
  }

  /** Runs any command on every primary. */
  everywhere(name: string, ...args: string[]): Promise<unknown[]> {
    return this.#link.everywhere(name, ...args);
  }

  async close(): Promise<void> {
    this.#eviction.close();
    this.#link.close();
  }

  #modeOf(page: PageRef): WriteMode {
    return {
      publish: this.#link.publish,
      isMarked: ofBoard(this.#durabilities, page.board).level !== "applied",
      history: { ms: ofBoard(this.#histories, page.board), deltasMax: this.#histories.deltasMax },
      claims: this.#rules.of(page.board),
    };
  }

  #commit(page: PageRef, batch: Batch, mark: string): Promise<Committed> {
    return this.#write(page, commitCall(this.names, page, batch, this.#limits, this.#modeOf(page), mark));
  }

  #write<Result>(page: PageRef, call: ScriptCall<Result>): Promise<Result> {
    return this.#runWhole(page, call, ofBoard(this.#durabilities, page.board));
  }

  /** Runs a script on a page. If the page lacks a part, repairs it first. */
  #runWhole<Result>(page: PageRef, call: ScriptCall<Result>, durability?: Durability, what = "data") {
    const run = () => this.#link.run(call, durability);
    const repair = async (error: unknown) => {
      if (!(error instanceof MisfitPage)) throw error;
      await this.#repair(page);
      return run();
    };
    return this.#damages.judge(page, what, run().catch(repair));
  }

  /** The lost part stays lost, but the page is consistent again and the same for everyone. */
  async #repair(page: PageRef): Promise<void> {
    const repaired = await this.#link.run(repairCall(this.names, page, this.#link.publish));
    if (!repaired) return;
    this.#incident(
      `page ${pageName(page)} had lost a key in Valkey and was repaired. ` +
        `${countOf(repaired.checked, "cell is", "cells are")} checked now; ` +
        `the page's count was ${formatCount(repaired.checkedBefore)} before. ` +
        "If Valkey evicts keys, set maxmemory-policy noeviction",
    );
  }
}
