/*
 * The parts of one instance that its doors (sockets, HTTP) share, put together from a store and limits. An instance holds
 * no truth: replicas follow the store, writes are acknowledged only by it, and killing an instance loses nothing.
 */

import type { Server } from "node:net";
import { cropUpdate, type Snapshot } from "../../board/delta.js";
import { cellsInPage } from "../../board/geometry.js";
import type { Clock } from "../../protocol/clock.js";
import { Refusal } from "../../protocol/errors.js";
import { DamagedPage } from "../../store/damage.js";
import { ALL_APPLIED, type Durabilities } from "../../store/durability.js";
import { NO_HISTORY, type Retention } from "../../store/history.js";
import type { Store } from "../../store/store.js";
import { type Access, OPEN_ACCESS } from "../access/access.js";
import { Admission, type AdmissionLimits } from "../limits/admission.js";
import { Overviews } from "../overview/overviews.js";
import { Reporter } from "../overview/reporter.js";
import { FanOut, type FanOutLimits } from "../pages/fan-out.js";
import { FrozenPages } from "../pages/frozen-pages.js";
import { type HostedBoard, Pages } from "../pages/pages.js";
import { refuseAway } from "../pages/store-refusal.js";
import { auditLog, type Log } from "../telemetry/log.js";
import { Metrics } from "../telemetry/metrics.js";
import { Seldom } from "../telemetry/seldom.js";
import { Writer, type WriterLimits } from "../writes/writer.js";
import { Departures } from "./departures.js";

export interface InstanceOptions {
  /** Asked each time: a port may be known later. */
  readonly name: string | (() => string);
  /** Board name -> cells. */
  readonly boards: Readonly<Record<string, number>>;
  /** As the store keeps them: to be told to those who ask. */
  readonly durabilities?: Durabilities;
  readonly history?: Retention;
  readonly store: Store;
  /** Who may do what; everybody may view and write without it. */
  readonly access?: Access;
  readonly clock: Clock;
  readonly log: Log;
  readonly admission: AdmissionLimits;
  readonly writer: WriterLimits;
  readonly fanOut: FanOutLimits;
  /** Pages one connection may watch. */
  readonly watchedPagesMax: number;
}

export class Instance {
  readonly boards: ReadonlyMap<string, HostedBoard>;
  readonly durabilities: Durabilities;
  readonly history: Retention;
  readonly store: Store;
  readonly access: Access;
  readonly clock: Clock;
  readonly log: Log;
  /** Where what admins did is noted. */
  readonly audit: Log;
  readonly admission: Admission;
  readonly departures: Departures;
  readonly writer: Writer;
  readonly pages: Pages;
  readonly frozen: FrozenPages;
  readonly overviews: Overviews;
  readonly reporter: Reporter;
  readonly metrics: Metrics;
  readonly watchedPagesMax: number;
  readonly #name: () => string;
  readonly #fanOut: FanOut;
  readonly #seldom = new Seldom();

  constructor(options: InstanceOptions) {
    const { name, store, clock, log } = options;
    this.#name = typeof name === "string" ? () => name : name;
    this.store = store;
    this.access = options.access ?? OPEN_ACCESS;
    this.clock = clock;
    this.log = log;
    this.audit = auditLog(log);
    this.watchedPagesMax = options.watchedPagesMax;
    this.durabilities = options.durabilities ?? ALL_APPLIED;
    this.history = options.history ?? NO_HISTORY;
    this.boards = new Map(
      Object.entries(options.boards).map(([board, size], handle) => [board, { name: board, size, handle }]),
    );
    const failed = (error: unknown) => this.failed(error, "unexpected failure");
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
    this.admission = new Admission(options.admission, clock);
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
    this.overviews = new Overviews(store.overview, this.pages.heads, clock, this.#fanOut, failed);
  }

  get name(): string {
    return this.#name();
  }

  /** The page as it is known here if it is held, else as the store has it. */
  async readPage(board: HostedBoard, page: number): Promise<Snapshot> {
    const follower = this.pages.peek({ board: board.name, page });
    if (!follower) return this.readStored(board, page);
    // What was published but left unread until the next flush is known here too.
    await new Promise<void>((heard) => this.store.wake(heard));
    return follower.replica.snapshot();
  }

  /** The page as the store has it now, whatever is known of it here. */
  async readStored(board: HostedBoard, page: number): Promise<Snapshot> {
    const snapshot = await this.store.read({ board: board.name, page }).catch(refuseAway);
    return cropUpdate(snapshot, cellsInPage(board.size, page));
  }

  /** Logs a failure that no client is notified of: at once, then at intervals for each kind, with a count. */
  failed(error: unknown, message: string): void {
    // The store has reported it, once.
    if (error instanceof DamagedPage) return;
    const times = this.#seldom.take(`${message} ${kindOf(error)}`, this.clock.now());
    if (times !== undefined) this.log.error({ err: error, times }, message);
  }

  /**
   * An admin action that was refused before it was judged, or for a missing right. Whoever has no right must not fill the
   * log: it is a line for each action and outcome once in a while, with how often it came, from whatever address.
   */
  auditRefused(line: { readonly audit: string; readonly outcome: string; readonly [more: string]: unknown }): void {
    const times = this.#seldom.take(`audit ${line.audit} ${line.outcome}`, this.clock.now());
    if (times !== undefined) this.audit.info({ ...line, times }, "admin action");
  }

  /** A server that listens, and whose `error` would end the process: as when the system has no descriptor left for a connection. */
  survives(server: Server): void {
    server.on("error", (error) => {
      this.failed(
        error,
        "a new connection was dropped: if its code is EMFILE or ENFILE, raise the limit of open files",
      );
    });
  }

  /** Code of the app around failed. */
  hookFailed(hook: string, error: unknown): void {
    this.metrics.hookFailed(hook);
    const times = this.#seldom.take(`hook ${hook}`, this.clock.now());
    if (times !== undefined) this.log.error({ err: error, hook, times }, "a hook of the app failed");
  }

  /** A request could not be judged, as the keys that tokens are signed with do not come. */
  keysAway(error: unknown): void {
    const times = this.#seldom.take("keys", this.clock.now());
    if (times !== undefined)
      this.log.warn({ err: error, times }, "the keys at JWKS_URL do not come: nobody with a token gets in");
  }

  /** Waits for what depends on the store, but not for ever: after `ms` it is refused with STORE_AWAY. */
  within<Result>(ms: number, wanted: Promise<Result>): Promise<Result> {
    return new Promise((done, fail) => {
      const refuse = () => fail(new Refusal("STORE_AWAY", { retryAfterMs: 1_000 }));
      const cancel = this.clock.after(ms, refuse);
      wanted.then(done, fail).finally(cancel);
    });
  }

  close(): void {
    this.reporter.close();
    this.overviews.close();
    this.pages.close();
    this.#fanOut.close();
  }
}

function kindOf(error: unknown): string {
  if (!(error instanceof Error)) return "";
  return "code" in error ? String(error.code) : error.message;
}

function sum<Item>(items: Iterable<Item>, of: (item: Item) => number): number {
  let total = 0;
  for (const item of items) total += of(item);
  return total;
}
