/*
 * A board as a program sees it: read cells, set them, watch ranges of them, hear of changes.
 *
 * Puts together the parts, each of which does one thing: opening opens the board on each connection, joiner keeps the watched
 * pages up to date, outbox and sender bring the user's changes to the store, shown-cells says what is seen of both. Replicas
 * and outbox survive reconnects; the connection below may change its instance.
 */

import { createNanoEvents } from "nanoevents";
import type { Bit } from "../board/bitmap.js";
import type { Delta, Snapshot } from "../board/delta.js";
import { BOARD_CELLS_MAX, cellsInPage, pageCount, pageOf } from "../board/geometry.js";
import type { Replica } from "../board/replica.js";
import { type CellChanges, inSteps, type SetAllOptions } from "../board/steps.js";
import type { Cancel, Clock } from "../protocol/clock.js";
import { Refusal } from "../protocol/errors.js";
import type { Frozen, OpenResult } from "../protocol/events.js";
import type { BoardEvents, BoardStatus, CellChange, CellRange, RefusedChange, Right, Watch } from "./board-events.js";
import type { Dropped } from "./confirmed.js";
import { FrozenCells } from "./frozen-cells.js";
import { Joiner } from "./joiner.js";
import type { Line } from "./line.js";
import { Opening } from "./opening.js";
import { Outbox, type Settle } from "./outbox.js";
import { type Overview, OverviewWatches } from "./overview.js";
import { Sender } from "./sender.js";
import { ShownCells } from "./shown-cells.js";
import { WatchedPages } from "./watched-pages.js";

/** What a board says to its client. */
export interface BoardOwner {
  opened(opened: OpenResult): void;
  /** The token gives nothing: why. */
  problem(problem: Refusal): void;
}

/** Calls of `set`, and cells of `setAll`, that may wait, over all. */
const PENDING_MAX = 10_000;
/** Shorter than the server's memory of sequence numbers, so that a late retry is still recognised. */
const GIVE_UP_MS = 300_000;
const TICK_MS = 1_000;

export class Board {
  readonly name: string;
  /** Resolves when `size` is known; rejects with a Refusal if there is no such board, or the client is closed first. */
  readonly ready: Promise<void>;
  readonly #line: Line;
  readonly #clock: Clock;
  readonly #session: string;
  readonly #owner: BoardOwner;
  readonly #events = createNanoEvents<BoardEvents>();
  readonly #outbox = new Outbox();
  readonly #sender: Sender;
  readonly #pages = new WatchedPages();
  readonly #shown = new ShownCells(this.#outbox, this.#pages);
  readonly #frozen = new FrozenCells();
  readonly #opening: Opening;
  readonly #joiner: Joiner;
  /** For the client, which hands frames on; a user asks `overview`. */
  readonly overviews: OverviewWatches;
  #nextTick: Cancel;
  #joinsSoon = false;
  /** Whether the instance was heard since the last tick. */
  #isHeard = false;
  #isAsking = false;
  #status: BoardStatus = "connecting";
  #right: Right | undefined;
  /** Why the board cannot be used at all. */
  #failure: Refusal | undefined;
  #settleReady: { done(): void; fail(error: Refusal): void } | undefined;

  /**
   * Made by the client, not by users. `session` is this board's own: its sequence numbers are.
   */
  constructor(name: string, line: Line, clock: Clock, session: string, owner: BoardOwner) {
    this.name = name;
    this.#line = line;
    this.#clock = clock;
    this.#session = session;
    this.#owner = owner;
    this.#sender = new Sender(this.#outbox, clock, {
      acknowledged: (at) => {
        this.#isHeard = true;
        this.#emitChanges(this.#shown.acknowledged(at));
      },
      dropped: (dropped, refusal) => this.#emitDropped(dropped, refusal),
      delayed: (delay) => this.#events.emit("delayed", delay),
      roundTrip: (ms) => this.#events.emit("roundTrip", ms),
    });
    this.#joiner = new Joiner(this.#pages, line, clock, {
      loaded: (page) => this.#emitChanges(this.#shown.loaded(page)),
      asked: (page) => this.#frozen.asked(page),
      joined: (page) => {
        if (this.#frozen.joined(page)) this.#events.emit("frozen", [page]);
      },
      changed: () => this.#joinsChanged(),
    });
    this.#opening = new Opening(name, line, clock, {
      opened: (opened) => this.#opened(opened),
      failed: (refusal) => this.#end(refusal),
      problem: (problem) => this.#owner.problem(problem),
    });
    this.overviews = new OverviewWatches(line, clock, (pages, isMissed) =>
      this.#events.emit("overview", pages, isMissed),
    );
    this.ready = new Promise((done, fail) => {
      this.#settleReady = { done, fail };
    });
    // Whoever does not wait for it learns of the failure from `status` and from `set`.
    this.ready.catch(() => undefined);
    this.#nextTick = this.#scheduleTick();
    if (line.isUp) this.connected();
  }

  /** `ready`, for as long as one wants to wait: rejects with the signal's reason if that comes first. */
  whenReady({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    if (!signal) return this.ready;
    return new Promise((done, fail) => {
      const abort = () => fail(signal.reason);
      if (signal.aborted) return abort();
      signal.addEventListener("abort", abort);
      this.ready.then(done, fail).finally(() => signal.removeEventListener("abort", abort));
    });
  }

  /** Cells; 0 until `ready`. */
  get size(): number {
    return this.#opening.known?.size ?? 0;
  }

  /** Pages; 0 until `ready`. */
  get pages(): number {
    return pageCount(this.size);
  }

  get status(): BoardStatus {
    return this.#status;
  }

  /** What this client may do: as the server said at last, and no more than view once its token was found to be over. */
  get right(): Right | undefined {
    return this.#right;
  }

  /** Whether the cell is known to be frozen: nobody may change it. Known of watched pages, some seconds late at most. */
  isFrozen(cell: number): boolean {
    return this.#frozen.has(cell);
  }

  /** What is known to be frozen of a page, ascending. */
  frozenOf(page: number): readonly CellRange[] {
    return this.#frozen.of(page);
  }

  /** What the server allows, as it last said. */
  get limits(): OpenResult["limits"] | undefined {
    return this.#opening.known?.limits;
  }

  /** Why the board is closed for good, if it is. */
  get failure(): Refusal | undefined {
    return this.#failure;
  }

  /** Name of the instance this client is connected to, or was last. */
  get instance(): string | undefined {
    return this.#opening.known?.instance;
  }

  /** Changes that are not acknowledged yet. */
  get pending(): number {
    return this.#outbox.size;
  }

  /** Checked cells of the watched pages, as the store has them. */
  get checked(): number {
    return this.#pages.checked;
  }

  /** Whether the cell is checked; undefined where it is not watched or not here yet. */
  get(cell: number): boolean | undefined {
    return this.#shown.get(cell);
  }

  /** A copy of a page's bits as `get` gives them, cell by cell; undefined where it is not watched or not here yet. */
  bitsOf(page: number): Uint8Array | undefined {
    return this.#shown.bitsOf(page);
  }

  /** Whether this client's change of the cell is still on its way: until its delta is here, a moment after `set` settles. */
  isPending(cell: number): boolean {
    return this.#outbox.shown(cell) !== undefined;
  }

  /**
   * Sets a cell: shown at once, resolved when the store has committed it, rejected with a Refusal (see `code`) if it
   * will not, and then shown as it was. Being offline or too fast only delays it.
   */
  set(cell: number, value: boolean): Promise<void> {
    const refusal = this.#check([cell]);
    if (refusal) return this.#refuse([[cell, value ? 1 : 0]], refusal);
    const before = this.get(cell);
    const settled = new Promise<void>((done, fail) => {
      this.#outbox.set(cell, value ? 1 : 0, this.#clock.now(), (error) => (error ? fail(error) : done()));
    });
    if (before !== value) this.#events.emit("change", [{ cell, value, mine: true }]);
    this.#sender.wake();
    return settled;
  }

  /**
   * Sets many cells of one page, all or nothing; of several changes to one cell the last wins. More than one page or
   * `limits.writeCellsMax` cells are refused with NEEDS_SPLIT, unless `split` asks for several such steps: then it is rejected
   * if any of them is refused, and the others stay.
   */
  setAll(changes: Iterable<readonly [cell: number, value: boolean]>, options: SetAllOptions = {}): Promise<void> {
    const { split = false } = options;
    const last = new Map<number, Bit>();
    for (const [cell, value] of changes) last.set(cell, value ? 1 : 0);
    const steps = inSteps(last, this.limits?.writeCellsMax ?? Number.POSITIVE_INFINITY);
    const refusal =
      this.#check([...last.keys()]) ?? (steps.length > 1 && !split ? new Refusal("NEEDS_SPLIT") : undefined);
    if (refusal) return this.#refuse([...last], refusal);
    const changed = [...last].flatMap(([cell, value]) =>
      this.get(cell) === (value === 1) ? [] : { cell, value: value === 1, mine: true },
    );
    const nowMs = this.#clock.now();
    const settled = steps.map(
      (step) =>
        new Promise<void>((done, fail) => {
          let open = step.length;
          const settle: Settle = (error) => {
            if (error) fail(error);
            else if (--open === 0) done();
          };
          this.#outbox.setAll(step, split, nowMs, settle);
        }),
    );
    this.#emitChanges(changed);
    this.#sender.wake();
    return Promise.all(settled).then(() => undefined);
  }

  /** Keeps the range up to date until stopped. */
  watch(range: CellRange): Watch {
    const { start, end } = range;
    if (!(start >= 0 && end > start)) throw new RangeError(`not a range of cells: ${start} … ${end}`);
    let isStopped = false;
    const pages: number[] = [];
    const ready = this.ready.then(async () => {
      if (isStopped) return;
      const last = pageOf(Math.min(end, this.size) - 1);
      for (let page = pageOf(start); page <= last; page++) pages.push(page);
      const loaded = this.#pages.hold(pages, this.size);
      this.#joinSoon();
      await loaded;
    });
    ready.catch(() => undefined);
    return {
      ready,
      stop: () => {
        if (isStopped) return;
        isStopped = true;
        this.#letGo(pages);
      },
    };
  }

  /** How many cells of each page are checked: undefined until a `watchOverview` is ready. */
  get overview(): Overview | undefined {
    return this.overviews.current;
  }

  /**
   * Keeps `overview` up to date until stopped: for a whole board of a billion cells a few hundred bytes a second. It is not
   * ready before an instance is met that gives overviews.
   */
  watchOverview(): Watch {
    return this.overviews.watch();
  }

  /** Calls `listener` until the returned function is called. */
  on<Name extends keyof BoardEvents>(name: Name, listener: BoardEvents[Name]): () => void {
    return this.#events.on(name, listener);
  }

  /** The connection is up. Called by the client. */
  connected(): void {
    if (this.#status === "closed") return;
    this.#setStatus("joining");
    void this.#opening.connected();
  }

  /** The connection is down. Called by the client. */
  disconnected(): void {
    this.#opening.disconnected();
    this.#sender.disconnected();
    this.#joiner.disconnected();
    this.overviews.disconnected();
    this.#setStatus("connecting");
  }

  /** The handle that frames of this board carry on this connection. */
  get handle(): number | undefined {
    return this.#opening.present?.handle;
  }

  /** Cells of a page, or undefined if the board has no such page. */
  cellsOf(page: number): number | undefined {
    return cellsInPage(this.size, page) || undefined;
  }

  /** What is held of a page, while it is watched: not for users, but for whoever compares it with the store. */
  replicaOf(page: number): Replica | undefined {
    return this.#pages.get(page)?.replica;
  }

  /** A frame of this board came. Called by the client. */
  receive(update: Delta | Snapshot): void {
    this.#isHeard = true;
    const page = this.#pages.get(update.page);
    if (!page) return;
    const changes = this.#shown.receive(page, update);
    if (changes) this.#emitChanges(changes);
    // The server sends in order, so a gap is a fault; joining anew from what is held mends it.
    else this.#joiner.leave([update.page]);
  }

  /** Called by the client. */
  receiveFrozen(frozen: Frozen): void {
    if (this.#pages.get(frozen.page) && this.#frozen.receive(frozen)) this.#events.emit("frozen", [frozen.page]);
  }

  close(): void {
    this.#end(new Refusal("CLOSED"));
  }

  /** No connection will come any more. Called by the client. */
  refused(reason: Refusal): void {
    this.#end(reason);
  }

  #check(cells: readonly number[]): Refusal | undefined {
    if (this.#failure) return this.#failure;
    const size = this.#opening.known?.size ?? BOARD_CELLS_MAX;
    const outside = cells.filter((cell) => !Number.isSafeInteger(cell) || cell < 0 || cell >= size);
    if (outside.length > 0) return new Refusal("CELL_OUT_OF_RANGE", { cells: outside });
    return this.#outbox.waiting + cells.length > PENDING_MAX ? new Refusal("OUTBOX_FULL") : undefined;
  }

  /** Nothing was shown yet, so nothing is put back. */
  #refuse(changes: CellChanges, refusal: Refusal): Promise<never> {
    for (const [cell, value] of changes) this.#events.emit("refused", describe({ cell, value }, refusal));
    return Promise.reject(refusal);
  }

  #setStatus(status: BoardStatus): void {
    if (status === this.#status || this.#status === "closed") return;
    this.#status = status;
    this.#events.emit("status", status);
  }

  #setRight(right: Right): void {
    if (right === this.#right) return;
    this.#right = right;
    this.#events.emit("right", right);
  }

  #emitChanges(changes: readonly CellChange[]): void {
    if (changes.length > 0) this.#events.emit("change", changes);
  }

  #opened(opened: OpenResult): void {
    if (this.#failure) return;
    this.#pages.resize(opened.size);
    this.#owner.opened(opened);
    this.#setRight(opened.right);
    this.#settleReady?.done();
    const { handle } = opened;
    // Writes go first: they need no page, and their deltas come with the pages.
    this.#sender.connected(
      (seq, changes) => this.#line.request("write", { handle, session: this.#session, seq, changes }),
      opened,
    );
    this.#joiner.connected(opened);
    this.overviews.connected(opened);
  }

  #end(refusal: Refusal): void {
    if (this.#failure) return;
    this.#failure = refusal;
    this.#nextTick();
    this.#opening.close();
    this.#sender.close();
    this.#settleReady?.fail(refusal);
    this.overviews.close(refusal);
    this.#pages.fail(this.#pages.numbers, refusal);
    this.#giveUp(Number.POSITIVE_INFINITY, refusal);
    this.#setStatus("closed");
  }

  #scheduleTick(): Cancel {
    return this.#clock.after(TICK_MS, () => {
      this.#giveUp(this.#clock.now() - GIVE_UP_MS, new Refusal("EXPIRED"));
      void this.#wait();
      if (!this.#failure) this.#nextTick = this.#scheduleTick();
    });
  }

  /**
   * Another second for what is committed and not here yet. If nothing was heard, the instance is asked for a sign of life: on a
   * silent connection the delta may still be on its way.
   */
  async #wait(): Promise<void> {
    const isHeard = this.#isHeard;
    this.#isHeard = false;
    if (this.#isAsking || !this.#awaited.length) return;
    if (!isHeard) {
      this.#isAsking = true;
      const isAnswered = await this.#opening.isAnswered();
      this.#isAsking = false;
      if (!isAnswered) return;
    }
    this.#emitChanges(this.#shown.waited(this.#awaited));
  }

  get #awaited(): number[] {
    return this.#pages.numbers.filter((page) => this.#joiner.isJoined(page) && this.#outbox.isAwaited(page));
  }

  #giveUp(beforeMs: number, refusal: Refusal): void {
    this.#emitDropped(this.#outbox.expire(beforeMs, refusal), refusal);
  }

  #letGo(pages: readonly number[]): void {
    const left = this.#pages.letGo(pages);
    for (const page of left) {
      this.#outbox.reached(page, Number.POSITIVE_INFINITY);
      this.#frozen.forget(page);
    }
    this.#joiner.leave(left);
  }

  /** With all that is watched in one go: a view of many pages is one request, not one for each. */
  #joinSoon(): void {
    if (this.#joinsSoon) return;
    this.#joinsSoon = true;
    void Promise.resolve().then(() => {
      this.#joinsSoon = false;
      this.#joiner.join();
    });
  }

  #joinsChanged(): void {
    if (this.#opening.present) this.#setStatus(this.#joiner.isLive ? "live" : "joining");
  }

  #emitDropped(dropped: readonly Dropped[], refusal: Refusal): void {
    if (refusal.code === "TOKEN_EXPIRED" && dropped.length > 0) this.#setRight("view");
    this.#emitChanges(this.#shown.dropped(dropped, true));
    for (const each of dropped) this.#events.emit("refused", describe(each, refusal));
  }
}

function describe({ cell, value }: Dropped, { code, message }: Refusal): RefusedChange {
  return { cell, value: value === 1, code, message };
}
