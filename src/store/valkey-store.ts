/*
 * The store over Valkey, one server or a cluster. A page lives under the keys of keys.ts; commit and since are one script
 * run each, so their steps cannot be torn apart by another instance. Pub/Sub delivers at most once: this file reports
 * every interruption (`resumed`), and the followers ask for what they missed.
 */

import { createSecureContext } from "node:tls";
import { usedBytes } from "../board/bitmap.js";
import type { Snapshot } from "../board/delta.js";
import type { PageRef } from "../board/geometry.js";
import { GENESIS, type Position } from "../board/position.js";
import { ofBoard } from "./by-board.js";
import { Channels } from "./channels.js";
import { ClusterLink } from "./cluster-link.js";
import { ALL_APPLIED, DURABILITY_WAIT_MS, type Durabilities } from "./durability.js";
import { checkDurabilities } from "./durability-check.js";
import { type Freezing, type OffsetRange, parseRanges } from "./frozen.js";
import { type Histories, type HistoryRange, HistoryWalk, NO_HISTORY, type PageHistory } from "./history.js";
import { Names } from "./keys.js";
import type { OverviewStore } from "./overview.js";
import { needsOf } from "./rights.js";
import type { Announced, Roll } from "./roll.js";
import {
  announceCall,
  commitCall,
  freezeCall,
  type HistoryBounds,
  readNumbers,
  readPublished,
  readRecorded,
  replaceCall,
  rollCall,
  sinceCall,
} from "./scripts.js";
import { SingleLink } from "./single-link.js";
import {
  ANNOUNCED_MS,
  type Batch,
  type Committed,
  type Replaced,
  type Since,
  STORE_LIMITS,
  type Store,
  type StoreLimits,
  StoreUnusable,
  type SubscriptionListener,
  type Unsubscribe,
} from "./store.js";
import { newTag } from "./tag.js";
import type { LinkEvents, ValkeyLink } from "./valkey-link.js";
import { ValkeyOverview } from "./valkey-overview.js";
import {
  type NatMap,
  parseValkeyUrl,
  type SentinelAccess,
  tlsOptions,
  type ValkeyAddress,
  withoutPassword,
} from "./valkey-url.js";

export interface ValkeyStoreOptions {
  /** As valkey-url.ts describes. */
  readonly url: string;
  /** With `valkeys://`: certificates of the authorities to trust instead of the system's, as PEM. */
  readonly ca?: string | undefined;
  /** With `valkeys://`: the certificate that is shown to servers, and its key, as PEM. */
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  /** Where servers are reached that a cluster, or Sentinel, calls by other addresses. */
  readonly nat?: NatMap | undefined;
  /**
   * What stands before every key and channel: sets this deployment apart from others on the same
   * server.
   */
  readonly keyPrefix?: string | undefined;
  /** Those whose keys and channels the user must have the rights for, to begin with. */
  readonly boards?: readonly string[];
  readonly limits?: StoreLimits;
  /** How safe a write must be before it is acknowledged; `applied` without it. */
  readonly durabilities?: Durabilities;
  /** Who one is to Sentinels, where these ask. */
  readonly sentinelAccess?: SentinelAccess | undefined;
  /** How long one attempt at a write waits for its copies; DURABILITY_WAIT_MS without it. */
  readonly durabilityWaitMs?: number;
  /** Which boards keep a record of what is done; none without it. */
  readonly histories?: Histories;
  /** Told one line for each incident. */
  readonly incident?: (message: string, cause?: unknown) => void;
}

/** Records of a page's history in one answer of the server. */
const RECORDS_AT_ONCE = 500;

export class ValkeyStore implements Store, Freezing, Roll {
  readonly engine = "valkey";
  readonly names: Names;
  readonly #limits: StoreLimits;
  readonly #durabilities: Durabilities;
  readonly #histories: Histories;
  readonly #incident: (message: string, cause?: unknown) => void;
  readonly #channels = new Channels();
  readonly #availability = new Set<(available: boolean) => void>();
  #opened: ValkeyLink | undefined;
  #overview: OverviewStore | undefined;
  #failures = 0;
  /** Calls of `wake` that have not called back yet. */
  #waking = 0;

  private constructor(options: ValkeyStoreOptions, database: number) {
    this.names = new Names(options.keyPrefix, database);
    this.#limits = options.limits ?? STORE_LIMITS;
    this.#durabilities = options.durabilities ?? ALL_APPLIED;
    this.#histories = options.histories ?? NO_HISTORY;
    this.#incident = options.incident ?? (() => undefined);
  }

  /** Rejects with StoreUnusable if the server cannot be reached, or cannot do what the durabilities ask. */
  static async open(options: ValkeyStoreOptions): Promise<ValkeyStore> {
    const address = addressOf(options);
    const shown = withoutPassword(options.url);
    const store = new ValkeyStore(options, address.kind === "single" ? address.database : 0);
    const needs = needsOf(store.names, {
      boards: options.boards ?? [],
      publish: address.kind === "cluster" ? "SPUBLISH" : "PUBLISH",
      durabilities: store.#durabilities,
      histories: store.#histories,
    });
    const wait = { durabilityWaitMs: options.durabilityWaitMs ?? DURABILITY_WAIT_MS, needs };
    const events: LinkEvents = {
      message: (channel, message) => store.#channels.deliver(channel, message),
      resumed: (channel) => store.#channels.resumed(channel),
      available: (available) => {
        for (const listener of store.#availability) listener(available);
      },
      failure: () => {
        store.#failures++;
      },
      incident: store.#incident,
    };
    store.#opened =
      address.kind === "cluster"
        ? await ClusterLink.open(address, shown, wait, events)
        : await SingleLink.open(address, shown, wait, events);
    try {
      await checkDurabilities(store.#durabilities, store.#opened, store.#incident);
    } catch (error) {
      await store.close();
      throw error;
    }
    return store;
  }

  get available(): boolean {
    return this.#link.available;
  }

  /** Commands and attempts to connect that failed, since the start. */
  get failures(): number {
    return this.#failures;
  }

  commit(page: PageRef, batch: Batch): Promise<Committed> {
    const durability = ofBoard(this.#durabilities, page.board);
    const isMarked = durability.level !== "applied";
    return this.#link.run(
      commitCall(this.names, page, batch, this.#limits, this.#link.publish, isMarked, this.#historyOf(page)),
      durability,
    );
  }

  replace(page: PageRef, tag: string, bits: Uint8Array): Promise<Replaced> {
    const durability = ofBoard(this.#durabilities, page.board);
    const isMarked = durability.level !== "applied";
    const used = bits.subarray(0, usedBytes(bits));
    const call = replaceCall(
      this.names,
      page,
      { tag, noTag: newTag() },
      used,
      this.#link.publish,
      isMarked,
      this.#historyOf(page),
    );
    return this.#link.run(call, durability);
  }

  freeze(page: PageRef, range: OffsetRange, isFrozen: boolean): Promise<boolean> {
    return this.#link.run(freezeCall(this.names, page, range, isFrozen), ofBoard(this.#durabilities, page.board));
  }

  async frozen(pages: readonly PageRef[]): Promise<(OffsetRange[] | undefined)[]> {
    const fields = await this.#link.fieldsOf(
      pages.map((page) => this.names.page(page).head),
      ["fz"],
    );
    return fields.map((head) => head && parseRanges(head[0] ?? ""));
  }

  enroll(id: string, record: string): Promise<Announced[]> {
    return this.#link.run(rollCall(this.names, id, record));
  }

  async read(page: PageRef): Promise<Snapshot> {
    const answer = await this.#link.run(sinceCall(this.names, page, undefined, this.#limits));
    if (answer.kind !== "snapshot") throw new Error("since.lua gave deltas where a snapshot was asked for");
    return answer;
  }

  since(page: PageRef, position: Position): Promise<Since> {
    return this.#link.run(sinceCall(this.names, page, position, this.#limits));
  }

  subscribe(page: PageRef, listener: SubscriptionListener): Promise<Unsubscribe> {
    const name = this.names.page(page).channel;
    return this.#channels.subscribe(this.#link, name, {
      message: (text) => {
        const delta = readPublished(page.page, text);
        // Anyone with access to Valkey can publish; what is not a delta is not history.
        if (delta) listener.delta(delta);
        else this.#incident(`a message on ${name} is not a delta`);
      },
      resumed: () => listener.resumed(),
    });
  }

  async history(page: PageRef, range: HistoryRange): Promise<PageHistory | undefined> {
    const bounds = this.#historyOf(page);
    if (bounds.ms === 0) return undefined;
    const key = this.names.page(page).history;
    const walk = new HistoryWalk(await this.read(page), range);
    const [seconds, micros] = readNumbers(await this.#link.command(key, "TIME"));
    let newest = "+";
    let count = 0;
    for (;;) {
      const reply = await this.#link.command(key, "XREVRANGE", key, newest, "-", "COUNT", String(RECORDS_AT_ONCE));
      const records = readRecorded(reply);
      const isEnough = records.some(({ recorded }) => !walk.take(recorded));
      count += records.length;
      const last = records.at(-1);
      if (isEnough || !last || records.length < RECORDS_AT_ONCE) break;
      newest = `(${last.id}`;
    }
    return walk.result((seconds ?? 0) * 1_000 + Math.floor((micros ?? 0) / 1_000), count >= bounds.deltasMax);
  }

  async positions(pages: readonly PageRef[]): Promise<(Position | undefined)[]> {
    const heads = pages.map((page) => this.names.page(page).head);
    const fields = await this.#link.fieldsOf(heads, ["v", "t"]);
    return fields.map((head) => {
      if (!head) return undefined;
      const [version, tag] = head;
      return version && tag ? { version: Number(version), tag } : GENESIS;
    });
  }

  get overview(): OverviewStore {
    this.#overview ??= new ValkeyOverview(this.#link, this.names, this.#channels, this.#incident);
    return this.#overview;
  }

  announce(instance: string, text: string): Promise<readonly string[]> {
    return this.#link.run(announceCall(this.names, instance, text, ANNOUNCED_MS));
  }

  restartSubscriptions(pages: readonly PageRef[]): void {
    this.#link.restartSubscribers(pages.map((page) => this.names.page(page).channel));
  }

  doze(ms: number): void {
    // What a doze left unread comes first.
    if (this.#waking === 0) this.#link.doze(ms);
  }

  wake(heard: () => void): void {
    this.#link.wake();
    this.#waking++;
    // Between the two the event loop looks at its sockets, wherever in its round it is now.
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

  /** Runs any command where `key` lives, for the counters that instances share. */
  command(key: string, name: string, ...args: string[]): Promise<unknown> {
    return this.#link.command(key, name, ...args);
  }

  /** Runs any command on every primary. */
  everywhere(name: string, ...args: string[]): Promise<unknown[]> {
    return this.#link.everywhere(name, ...args);
  }

  async close(): Promise<void> {
    this.#channels.close();
    await this.#link.close();
  }

  #historyOf({ board }: PageRef): HistoryBounds {
    return { ms: ofBoard(this.#histories, board), deltasMax: this.#histories.deltasMax };
  }

  get #link(): ValkeyLink {
    if (!this.#opened) throw new Error("the store is used before it is open");
    return this.#opened;
  }
}

/** The address with what belongs to it; throws StoreUnusable if they do not fit together. */
function addressOf({ url, ca, cert, key, nat, sentinelAccess }: ValkeyStoreOptions): ValkeyAddress {
  const parsed = parseValkeyUrl(url);
  const shown = withoutPassword(url);
  if (!parsed) throw new StoreUnusable(`${shown} is not an address of Valkey`);
  const tlsOption = ca !== undefined ? "VALKEY_CA" : cert !== undefined ? "VALKEY_CERT" : undefined;
  if (tlsOption !== undefined && !parsed.tls) {
    throw new StoreUnusable(`${tlsOption} is set, but ${shown} asks for no TLS: write valkeys:// instead of valkey://`);
  }
  if (sentinelAccess !== undefined && parsed.kind !== "sentinel") {
    throw new StoreUnusable(`SENTINEL_PASSWORD is set, but ${shown} names no Sentinel: write valkey+sentinel://`);
  }
  const address = { ...parsed, ...tlsOptions({ ca, cert, key }), ...(nat === undefined ? {} : { nat }) };
  try {
    createSecureContext(tlsOptions(address));
  } catch (error) {
    const words = error instanceof Error ? error.message : String(error);
    throw new StoreUnusable(`VALKEY_CA, VALKEY_CERT or VALKEY_KEY is not usable (${words}): name files in PEM`, error);
  }
  return address.kind === "sentinel" && sentinelAccess !== undefined ? { ...address, sentinelAccess } : address;
}
