/*
 * The store over Valkey, one server or a cluster. A page lives under the keys of keys.ts; commit and since are one script
 * run each, so their steps cannot be torn apart by another instance. Pub/Sub delivers at most once: this file reports
 * every interruption (`resumed`), and the followers ask for what they missed.
 */

import { createSecureContext } from "node:tls";
import { usedBytes } from "../../board/bitmap.js";
import type { Delta, Snapshot } from "../../board/delta.js";
import { type PageRef, pageName } from "../../board/geometry.js";
import { GENESIS, type Position, parsePosition } from "../../board/position.js";
import { ofBoard } from "../by-board.js";
import { DamagedPage, Damages, MisfitPage, ofNoPage } from "../damage.js";
import { ALL_APPLIED, DURABILITY_WAIT_MS, type Durabilities, type Durability } from "../durability.js";
import { type Freezing, type OffsetRange, parseRanges } from "../frozen.js";
import {
  type Histories,
  type HistoryRange,
  NO_HISTORY,
  type PageHistory,
  type RecordReader,
  readHistory,
} from "../history.js";
import type { Unsubscribe } from "../listeners.js";
import { loggedSince } from "../logged.js";
import type { OverviewStore } from "../overview.js";
import type { Announced, Roll } from "../roll.js";
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
} from "../store.js";
import { newTag } from "../tag.js";
import { Channels } from "./channels.js";
import { ClusterLink } from "./cluster-link.js";
import { checkDurabilities } from "./durability-check.js";
import { EVICTION_FIX, type Eviction, readInfo, worstEviction } from "./eviction.js";
import { readHeads } from "./heads.js";
import { Names } from "./keys.js";
import type { LinkEvents, ValkeyLink } from "./link.js";
import { ValkeyOverview } from "./overview.js";
import { needsOf } from "./rights.js";
import {
  announceCall,
  commitCall,
  countCall,
  freezeCall,
  type HistoryBounds,
  readLogged,
  readNumbers,
  readPublished,
  readRecorded,
  repairCall,
  replaceCall,
  rollCall,
  type ScriptCall,
  type StreamRecord,
  sinceCall,
} from "./scripts.js";
import { SingleLink } from "./single-link.js";
import {
  type NatMap,
  parseValkeyUrl,
  type SentinelAccess,
  tlsOptions,
  type ValkeyAddress,
  withoutPassword,
} from "./url.js";

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

/** An operator may change the policy while instances run; a server that takes over may have another. */
const EVICTION_EVERY_MS = 10_000;

export class ValkeyStore implements Store, Freezing, Roll {
  readonly engine = "valkey";
  readonly names: Names;
  readonly #limits: StoreLimits;
  readonly #durabilities: Durabilities;
  readonly #histories: Histories;
  readonly #incident: (message: string, cause?: unknown) => void;
  readonly #damages: Damages;
  readonly #channels = new Channels();
  readonly #availability = new Set<(available: boolean) => void>();
  #opened: ValkeyLink | undefined;
  #overview: OverviewStore | undefined;
  #failures = 0;
  #eviction: Eviction | undefined;
  #evictionTimer: NodeJS.Timeout | undefined;
  /** Calls of `wake` that have not called back yet. */
  #waking = 0;

  private constructor(options: ValkeyStoreOptions, database: number) {
    this.names = new Names(options.keyPrefix, database);
    this.#limits = options.limits ?? STORE_LIMITS;
    this.#durabilities = options.durabilities ?? ALL_APPLIED;
    this.#histories = options.histories ?? NO_HISTORY;
    this.#incident = options.incident ?? (() => undefined);
    this.#damages = new Damages(this.#incident);
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
        if (available && store.#evictionTimer) void store.checkEviction();
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
      await store.checkEviction();
    } catch (error) {
      await store.close();
      throw error;
    }
    store.#evictionTimer = setInterval(() => void store.checkEviction(), EVICTION_EVERY_MS);
    store.#evictionTimer.unref();
    return store;
  }

  get warning(): string | undefined {
    return this.#eviction && `Valkey may lose data. ${this.#eviction.what}; ${EVICTION_FIX}`;
  }

  /** Pages are deleted when the memory is full: no instance should start on it. */
  get evictsPages(): boolean {
    return this.#eviction?.losesPages === true;
  }

  /** Asks the primaries that answer, and keeps it as `warning`. */
  async checkEviction(): Promise<void> {
    // It may be forbidden, or not answer: then nothing is known that was not known before.
    const replies = await this.everywhere("INFO", "memory").catch(() => []);
    if (replies.length === 0) return;
    const before = this.warning;
    this.#eviction = worstEviction(replies.map((reply) => readInfo(String(reply))));
    // The first is for who opened the store to report.
    if (this.warning !== before && this.#evictionTimer)
      this.#incident(this.warning ?? "Valkey evicts nothing any more");
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
    const call = commitCall(this.names, page, batch, this.#limits, this.#link.publish, isMarked, this.#historyOf(page));
    return this.#runWhole(page, call, durability);
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
    return this.#runWhole(page, call, durability);
  }

  freeze(page: PageRef, range: OffsetRange, isFrozen: boolean): Promise<boolean> {
    return this.#runWhole(page, freezeCall(this.names, page, range, isFrozen), ofBoard(this.#durabilities, page.board));
  }

  async frozen(pages: readonly PageRef[]): Promise<(OffsetRange[] | undefined)[]> {
    return readHeads(this.#link, this.names, this.#damages, pages, ["fz"], ([ranges]) => parseRanges(ranges ?? ""));
  }

  enroll(id: string, record: string): Promise<Announced[]> {
    const { heard, records } = this.names.roll;
    return this.#link.run(rollCall(this.names, id, record)).catch(ofNoPage(`${heard} or ${records}`));
  }

  async read(page: PageRef): Promise<Snapshot> {
    const answer = await this.#runWhole(page, sinceCall(this.names, page));
    if (answer.kind !== "snapshot") throw new Error("since.lua gave deltas where a snapshot was asked for");
    return answer;
  }

  async since(page: PageRef, position: Position): Promise<Since> {
    const answer = await this.#runWhole(page, sinceCall(this.names, page, position));
    if (answer.kind === "snapshot") return answer;
    const deltas = loggedSince(await this.#readLog(page, position, answer.head), position, answer.head);
    // Trimmed, or cut off by a failover, since the script looked at it.
    return deltas ? { kind: "deltas", deltas } : this.read(page);
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
    const records = async (...command: [name: string, ...args: string[]]) => {
      const reply = await this.#link.bytes(key, ...command).catch((error: unknown) => {
        if (error instanceof DamagedPage) this.#damages.found(page, "history", false, error);
        throw error;
      });
      const read = readRecorded(reply);
      this.#damages.found(page, "history", !read.some(({ version }) => version === 0));
      return read;
    };
    const reader: RecordReader<StreamRecord> = {
      after: (ms, last, count) =>
        records("XRANGE", key, last ? `(${last.id}` : String(ms + 1), "+", "COUNT", String(count)),
      before: (newest, count) => records("XREVRANGE", key, newest?.id ?? "+", "-", "COUNT", String(count)),
      present: () => this.read(page),
      nowMs: async () => {
        const [seconds = 0, micros = 0] = readNumbers(await this.#link.command(key, "TIME"));
        return seconds * 1_000 + Math.floor(micros / 1_000);
      },
      isTrimmed: async () => Number(await this.#link.command(key, "XLEN", key)) >= bounds.deltasMax,
    };
    return readHistory(page.page, reader, range);
  }

  async positions(pages: readonly PageRef[]): Promise<(Position | undefined)[]> {
    return readHeads(this.#link, this.names, this.#damages, pages, ["v", "t"], ([version, tag]) =>
      version === null && tag === null ? GENESIS : parsePosition(`${version}.${tag}`),
    );
  }

  get overview(): OverviewStore {
    this.#overview ??= new ValkeyOverview(this.#link, this.names, this.#channels, this.#damages);
    return this.#overview;
  }

  announce(instance: string, text: string): Promise<readonly string[]> {
    const call = announceCall(this.names, instance, text, ANNOUNCED_MS);
    return this.#link.run(call).catch(ofNoPage(this.names.instances));
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

  /** Counts an HTTP request of an address, together with all other instances. */
  countRequest(address: string, windowMs: number): Promise<{ readonly hits: number; readonly leftMs: number }> {
    // Named without the address, so that all of them share one line in the log.
    return this.#link.run(countCall(this.names, address, windowMs)).catch(ofNoPage(`${this.names.limits}*`));
  }

  /** Runs any command where `key` lives. */
  command(key: string, name: string, ...args: string[]): Promise<unknown> {
    return this.#link.command(key, name, ...args);
  }

  /** Runs any command on every primary. */
  everywhere(name: string, ...args: string[]): Promise<unknown[]> {
    return this.#link.everywhere(name, ...args);
  }

  async close(): Promise<void> {
    clearInterval(this.#evictionTimer);
    this.#channels.close();
    await this.#link.close();
  }

  /** Runs a script on a page, which is made whole first if it lacks a part. */
  async #runWhole<Result>(page: PageRef, call: ScriptCall<Result>, durability?: Durability): Promise<Result> {
    try {
      const result = await this.#link.run(call, durability).catch((error: unknown) => {
        if (!(error instanceof MisfitPage)) throw error;
        return this.#repair(page).then(() => this.#link.run(call, durability));
      });
      this.#damages.found(page, "data", true);
      return result;
    } catch (error) {
      if (!(error instanceof DamagedPage)) throw error;
      this.#damages.found(page, "data", false, error);
      throw error;
    }
  }

  /** What is gone stays gone; but from here on the page is one state again, and everybody sees the same. */
  async #repair(page: PageRef): Promise<void> {
    const tags = { tag: newTag(), noTag: newTag() };
    const repaired = await this.#link.run(repairCall(this.names, page, tags, this.#link.publish));
    if (!repaired) return;
    this.#incident(
      `page ${pageName(page)} had lost a part in Valkey, and is repaired: ${repaired.checked} cells are checked now, ` +
        `${repaired.checkedBefore} by what was left of its head. If Valkey evicts keys, set maxmemory-policy noeviction`,
    );
  }

  async #readLog(ref: PageRef, from: Position, to: Position): Promise<Iterable<Delta>> {
    const count = to.version - from.version;
    if (count === 0) return [];
    const { log } = this.names.page(ref);
    const range = [`${from.version + 1}-0`, `${to.version}-0`, "COUNT", String(count)];
    return readLogged(ref.page, await this.#link.command(log, "XRANGE", log, ...range));
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
