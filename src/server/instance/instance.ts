/*
 * The parts of one instance that its doors (sockets, HTTP) share. An instance holds no truth: a
 * write is acknowledged only after the store has it, so killing an instance loses nothing.
 */

import type { Server } from "node:net";
import { cropUpdate, type Snapshot } from "../../board/delta.js";
import { cellsInPage, type PageRef, pageCount } from "../../board/geometry.js";
import type { Clock } from "../../protocol/clock.js";
import { Refusal } from "../../protocol/errors.js";
import { type ClaimRule, type ClaimRules, NO_CLAIMS } from "../../store/claims.js";
import { DamagedPage } from "../../store/damage.js";
import { ALL_APPLIED, type Durabilities } from "../../store/durability.js";
import { NO_HISTORY, type Retention } from "../../store/history.js";
import type { Released, Store } from "../../store/store.js";
import { type Access, OPEN_ACCESS } from "../access/access.js";
import { RefusedOrigins } from "../access/refused-origins.js";
import { Mine } from "../claims/mine.js";
import { Sweep } from "../claims/sweep.js";
import { Admission, type AdmissionLimits, type CrowdLimit } from "../limits/admission.js";
import { Overviews } from "../overview/overviews.js";
import { Reporter } from "../overview/reporter.js";
import { FanOut, type FanOutLimits } from "../pages/fan-out.js";
import { FrozenPages } from "../pages/frozen-pages.js";
import { type HostedBoard, Pages } from "../pages/pages.js";
import { refuseAway } from "../pages/store-refusal.js";
import { auditLog, type Log } from "../telemetry/log.js";
import { Metrics } from "../telemetry/metrics.js";
import { Seldom } from "../telemetry/seldom.js";
import { OwnSessions } from "../writes/own-sessions.js";
import { Writer, type WriterLimits } from "../writes/writer.js";
import { Audiences } from "./audiences.js";
import { BoardKeeper } from "./board-keeper.js";
import { Departures } from "./departures.js";

interface InstanceOptions {
  /** A function is called for each use, because a port may become known later. */
  readonly name: string | (() => string);
  /** Board name -> number of cells, at least. */
  readonly boards: Readonly<Record<string, number>>;
  /** The store's durabilities, shown at GET /boards. */
  readonly durabilities?: Durabilities;
  readonly history?: Retention;
  readonly claims?: ClaimRules;
  readonly store: Store;
  /** Default: everyone may view and write. */
  readonly access?: Access;
  readonly clock: Clock;
  readonly log: Log;
  readonly admission: AdmissionLimits;
  readonly writer: WriterLimits;
  readonly fanOut: FanOutLimits;
  /** Most pages that one connection may watch. */
  readonly watchedPagesMax: number;
}

const ORIGIN_REFUSED =
  "a request from another origin was refused. To allow it, add the origin to ORIGINS (in attachBoards: `settings`)";
const LIMIT_REACHED =
  "a limit was reached, and everything beyond it is refused. If the address is a proxy, list it in TRUSTED_PROXIES. " +
  "If many people share it, raise the limit";

export class Instance {
  readonly boards: ReadonlyMap<string, HostedBoard>;
  readonly keeper: BoardKeeper;
  readonly durabilities: Durabilities;
  readonly history: Retention;
  readonly store: Store;
  readonly access: Access;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Log;
  readonly admission: Admission;
  readonly departures: Departures;
  readonly writer: Writer;
  readonly pages: Pages;
  readonly frozen: FrozenPages;
  readonly mine: Mine;
  readonly audiences = new Audiences();
  /** For writes of the app and of admins to claims. */
  readonly sessions = new OwnSessions();
  readonly overviews: Overviews;
  readonly reporter: Reporter;
  readonly metrics: Metrics;
  readonly watchedPagesMax: number;
  readonly refusedOrigins: RefusedOrigins;
  readonly #name: () => string;
  readonly #fanOut: FanOut;
  readonly #seldom = new Seldom();
  readonly #sweep: Sweep;
  readonly #expired = new Set<(page: PageRef, offsets: readonly number[]) => void>();

  constructor(options: InstanceOptions) {
    const { name, store, clock, log } = options;
    this.#name = typeof name === "string" ? () => name : name;
    this.store = store;
    this.access = options.access ?? OPEN_ACCESS;
    this.clock = clock;
    this.log = log;
    this.audit = auditLog(log);
    this.watchedPagesMax = options.watchedPagesMax;
    this.refusedOrigins = new RefusedOrigins((origin) => log.warn({ origin }, ORIGIN_REFUSED));
    this.durabilities = options.durabilities ?? ALL_APPLIED;
    this.history = options.history ?? NO_HISTORY;
    const failed = (error: unknown) => this.failed(error, "unexpected failure");
    const { claims = NO_CLAIMS, boards } = options;
    const ruled = (board: string, rule: ClaimRule | undefined) => store.setRule(board, rule);
    this.keeper = new BoardKeeper({ boards, records: store.boards, claims, ruled, clock, failed });
    this.boards = this.keeper.boards;
    this.metrics = new Metrics(() => ({
      pages: this.pages.size,
      flushMs: this.#fanOut.flushMs,
      watchers: sum(this.pages.hubs(), (hub) => hub.watchers),
      lagging: sum(this.pages.hubs(), (hub) => hub.laggingCount),
      overviewWatchers: this.overviews.watchers,
      storeAvailable: store.available,
      storeMayLose: store.warning !== undefined,
      storeFailures: store.failures,
    }));
    this.#fanOut = new FanOut(clock, options.fanOut, store, ({ ms }) => this.metrics.flushed(ms));
    this.departures = new Departures(clock);
    this.admission = new Admission(options.admission, clock, (limit, address) => this.limitReached(limit, address));
    this.reporter = new Reporter(store.overview, clock, failed);
    this.writer = new Writer(store, clock, options.writer, {
      committed: (batch) => {
        this.metrics.committed(batch);
        this.reporter.committed(batch);
      },
      failed,
    });
    this.pages = new Pages(store, clock, this.#fanOut, {
      resync: (cause) => this.metrics.resynced(cause),
      applied: () => this.metrics.applied(),
      checked: (ms) => this.metrics.checked(ms),
      caughtUp: (frame) => this.metrics.caughtUp(frame),
      failed,
    });
    this.frozen = new FrozenPages(this.pages);
    this.mine = new Mine(store, clock, failed);
    const released: Released = (page, offsets, { position, checked }) => {
      this.reporter.committed({ page, position, checked });
      for (const listener of this.#expired) listener(page, offsets);
    };
    // Holds that began under another rule, or were restored, may end on any board with claims.
    const isDue = () => Array.from(this.boards.values()).some(({ claims }) => claims !== undefined);
    this.#sweep = new Sweep(store, clock, { isDue, released, swept: () => this.mine.checkEnds(), failed });
    this.overviews = new Overviews(store.overview, this.pages.heads, clock, this.#fanOut, failed);
    // Comes before all who use pages, so that they open the new ones.
    this.keeper.tell({
      resized: ({ board, before }) => {
        this.pages.resized(board);
        if (pageCount(before) !== pageCount(board.size)) this.overviews.resized(board);
      },
    });
  }

  get name(): string {
    return this.#name();
  }

  /** Reads the replica of the page if this instance holds it, otherwise the page from the store. */
  async readPage(board: HostedBoard, page: number): Promise<Snapshot> {
    const follower = this.pages.peek({ board: board.name, page });
    if (!follower) return this.readStored(board, page);
    // Includes deltas that were published but left unread until the next flush.
    await new Promise<void>((heard) => this.store.wake(heard));
    return follower.replica.snapshot();
  }

  async readStored(board: HostedBoard, page: number): Promise<Snapshot> {
    const snapshot = await this.store.read({ board: board.name, page }).catch(refuseAway);
    return cropUpdate(snapshot, cellsInPage(board.size, page));
  }

  /** Calls `listener` for each hold that this instance ends, until the result is called. */
  onExpired(listener: (page: PageRef, offsets: readonly number[]) => void): () => void {
    this.#expired.add(listener);
    return () => this.#expired.delete(listener);
  }

  /** Logs the first failure of a kind immediately, and later ones at intervals, with a count. */
  failed(error: unknown, message: string): void {
    // The store has logged this damage already.
    if (error instanceof DamagedPage) return;
    this.#seldomly(`${message} ${kindOf(error)}`, (times) => this.log.error({ err: error, times }, message));
  }

  /**
   * Audits an admin action that was refused early or for a missing right. A client without rights
   * must not fill the log, so each action and outcome gets an occasional line, with a count over
   * all addresses.
   */
  auditRefused(line: { readonly audit: string; readonly outcome: string; readonly [more: string]: unknown }): void {
    this.#seldomly(`audit ${line.audit} ${line.outcome}`, (times) =>
      this.audit.info({ ...line, times }, "admin action"),
    );
  }

  /**
   * Logs errors of a listening server, such as having no descriptor left, which would end the
   * process.
   */
  survives(server: Server): void {
    const message =
      "a new connection was dropped: if the error code is EMFILE or ENFILE, raise the limit on open files";
    server.on("error", (error) => this.failed(error, message));
  }

  hookFailed(hook: string, error: unknown): void {
    this.metrics.hookFailed(hook);
    this.#seldomly(`hook ${hook}`, (times) =>
      this.log.error({ err: error, hook, times }, "a hook of the host app failed"),
    );
  }

  /** Says which option to raise, because a refused client does not say so to the operator. */
  limitReached(limit: CrowdLimit, address: string): void {
    this.#seldomly(`limit ${limit}`, (times) => this.log.warn({ limit, address, times }, LIMIT_REACHED));
  }

  keysAway(error: unknown): void {
    const message =
      "the keys at JWKS_URL are unavailable, so tokens cannot be verified: check the URL and the server there";
    this.#seldomly("keys", (times) => this.log.warn({ err: error, times }, message));
  }

  close(): void {
    this.keeper.close();
    this.#sweep.close();
    this.mine.close();
    this.reporter.close();
    this.overviews.close();
    this.pages.close();
    this.#fanOut.close();
  }

  #seldomly(kind: string, log: (times: number) => void): void {
    const times = this.#seldom.take(kind, this.clock.now());
    if (times !== undefined) log(times);
  }
}

export function checkPage(board: HostedBoard, page: number): void {
  if (page >= pageCount(board.size)) throw new Refusal("PAGE_OUT_OF_RANGE");
}

function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  return "code" in error ? String(error.code) : error.message;
}

function sum<Item>(items: Iterable<Item>, of: (item: Item) => number): number {
  return Array.from(items, of).reduce((total, value) => total + value, 0);
}
