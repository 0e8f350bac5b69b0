/*
 * One open board: the implementation of `Board`. It connects the parts:
 *
 *     opening       opens the board on each connection
 *     joiner        keeps the watched pages up to date
 *     user-changes  shows the user's changes and carries them to the store
 *
 * Replicas and outbox survive reconnects, even to another instance.
 */

import { createNanoEvents } from "nanoevents";
import type { Delta, Snapshot } from "../../board/delta.js";
import { cellsInPage, pageCount } from "../../board/geometry.js";
import type { Replica } from "../../board/replica.js";
import type { SetAllOptions } from "../../board/steps.js";
import type { Clock } from "../../protocol/clock.js";
import type { Frozen, Mine, OpenResult } from "../../protocol/events.js";
import { Refusal } from "../../protocol/refusal.js";
import type * as api from "../api/board.js";
import type { Line } from "../links/line.js";
import type { Dropped } from "../outbox/confirmed.js";
import { untilAborted } from "../timing/until-aborted.js";
import { FrozenCells } from "../watching/frozen-cells.js";
import { Joiner } from "../watching/joiner.js";
import { watchOf } from "../watching/live-watch.js";
import { named } from "../watching/named.js";
import { OverviewWatches } from "../watching/overview-watches.js";
import { OwnCells } from "../watching/own-cells.js";
import { WatchedPages } from "../watching/watched-pages.js";
import { type BoardOwner, Opening } from "./opening.js";
import { Overdue } from "./overdue.js";
import { UserChanges } from "./user-changes.js";

export class LiveBoard implements api.Board {
  readonly name: string;
  readonly overviews: OverviewWatches;
  status: api.BoardStatus = "connecting";
  right: api.Right | undefined;
  failure: Refusal | undefined;
  people: number | undefined;
  readonly whenReady = ({ signal }: api.Abortable = {}): Promise<void> => untilAborted(this.ready, signal);
  readonly isFrozen = (cell: number): boolean => this.#frozen.has(cell);
  readonly frozenOf = (page: number): readonly api.CellRange[] => this.#frozen.of(page);
  readonly isTaken = (cell: number): boolean => this.#own.isTaken(cell);
  readonly #events = createNanoEvents<api.BoardEvents>();
  readonly #pages = new WatchedPages({
    held: () => this.#joiner.joinSoon(),
    released: (pages) => this.#released(pages),
  });
  readonly #frozen = new FrozenCells();
  readonly #own: OwnCells;
  readonly #opening: Opening;
  readonly #joiner: Joiner;
  readonly #changes: UserChanges;
  readonly #overdue: Overdue;

  /** `session` belongs to this board alone, because its sequence numbers do. */
  constructor(name: string, line: Line, clock: Clock, session: string, owner: BoardOwner) {
    this.name = name;
    this.#changes = new UserChanges(this.#pages, line, session, clock, {
      changed: this.#emitChanges,
      refused: (changes, refusal) => this.#refused(changes, refusal),
      committed: (...write) => {
        this.#overdue.heard();
        if (this.#own.committed(...write)) this.#events.emit("mine");
      },
      delayed: (delay) => this.#events.emit("delayed", delay),
      roundTrip: (ms) => this.#events.emit("roundTrip", ms),
      kept: owner.kept,
    });
    this.#own = new OwnCells(clock, this, () => this.#events.emit("mine"));
    this.#joiner = new Joiner(this.#pages, line, clock, {
      loaded: (page) => this.#emitChanges(this.#changes.shown.loaded(page)),
      asked: (page) => this.#frozen.asked(page),
      joined: (page) => this.#frozen.joined(page) && this.#events.emit("frozen", [page]),
      changed: () => this.#opening.present && this.#setStatus(this.#joiner.isLive ? "live" : "joining"),
    });
    this.#opening = new Opening(name, session, line, clock, {
      opened: (opened) => this.#opened(opened, owner),
      failed: (refusal) => this.end(refusal),
      problem: (problem) => owner.problem(problem),
    });
    this.overviews = new OverviewWatches(line, clock, (...changed) => this.#events.emit("overview", ...changed));
    const own = { changes: this.#changes, pages: this.#pages, joiner: this.#joiner, opening: this.#opening };
    this.#overdue = new Overdue({ ...own, changed: this.#emitChanges }, clock);
    if (line.isUp) this.connected();
  }

  get ready(): Promise<void> {
    return this.#opening.ready;
  }

  get size(): number {
    return this.#opening.known?.size ?? 0;
  }

  get pages(): number {
    return pageCount(this.size);
  }

  get limits(): OpenResult["limits"] | undefined {
    return this.#opening.known?.limits;
  }

  get claims(): OpenResult["claims"] {
    return this.#opening.known?.claims;
  }

  get mine(): ReadonlyMap<number, number | undefined> {
    return this.#own.cells;
  }

  get instance(): string | undefined {
    return this.#opening.known?.instance;
  }

  get pending(): number {
    return this.#changes.outbox.size;
  }

  get checked(): number {
    return this.#pages.checked;
  }

  get(cell: number): boolean | undefined {
    return this.#changes.shown.get(cell);
  }

  bitsOf(page: number): Uint8Array | undefined {
    return this.#changes.shown.bitsOf(page);
  }

  cellsOf(page: number): number | undefined {
    return cellsInPage(this.size, page) || undefined;
  }

  count({ start, end }: api.CellRange): number | undefined {
    return this.size > 0 ? this.#changes.shown.count(start, Math.min(end, this.size)) : undefined;
  }

  isPending(cell: number): boolean {
    return this.#changes.outbox.shown(cell) !== undefined;
  }

  set(cell: number, value: boolean, options: api.Abortable = {}): Promise<void> {
    return named(this.name, this.#changes.set(cell, value, options), [cell]);
  }

  setAll(changes: Iterable<readonly [number, boolean]>, options: SetAllOptions & api.Abortable = {}): Promise<void> {
    const list = Array.from(changes);
    const cells = list.map(([cell]) => cell);
    return named(this.name, this.#changes.setAll(list, options), cells);
  }

  watch(range: api.CellRange, { signal, initial = true }: api.WatchOptions = {}): api.Watch {
    const { start, end } = range;
    const missing = initial ? this.#pages.initial.missing({ start, end: Math.min(end, this.size) }) : [];
    const watch = watchOf(this.name, this.#pages.watch(range, initial), signal);
    // Pages that are loaded later report their cells then.
    const changes = missing.flatMap((part) => this.#changes.shown.checkedIn(part));
    queueMicrotask(() => this.#emitChanges(changes));
    return watch;
  }

  get overview(): api.Overview | undefined {
    return this.overviews.current;
  }

  watchOverview({ signal }: api.Abortable = {}): api.Watch {
    return watchOf(this.name, this.overviews.watch(), signal);
  }

  on<Name extends keyof api.BoardEvents>(name: Name, listener: api.BoardEvents[Name]): () => void {
    return this.#events.on(name, listener);
  }

  readonly close = (): void => this.end(new Refusal("CLOSED"));
  readonly [Symbol.dispose] = this.close;

  /** The handle that frames of this board carry on this connection. */
  get handle(): number | undefined {
    return this.#opening.present?.handle;
  }

  /** The replica of a watched page, for programs that compare it with the store. */
  replicaOf(page: number): Replica | undefined {
    return this.#pages.get(page)?.replica;
  }

  connected(): void {
    if (this.failure) return;
    this.#setStatus("joining");
    this.#opening.connected();
    this.#joiner.connecting(this.name);
  }

  disconnected(): void {
    this.#opening.disconnected();
    this.#changes.disconnected();
    this.#joiner.disconnected();
    this.overviews.disconnected();
    this.#setStatus("connecting");
  }

  receive(update: Delta | Snapshot): void {
    this.#overdue.heard();
    const page = this.#pages.get(update.page);
    if (!page) return;
    const changes = this.#changes.shown.receive(page, update);
    if (changes) this.#emitChanges(changes);
    // The server sends in order, so a gap is a fault. Joining again from this position repairs it.
    else this.#joiner.leave([update.page]);
  }

  /** The instance no longer sends pages that have another number of cells now. */
  resized(size: number): void {
    const { pages } = this;
    if (size === 0) this.end(new Refusal("UNKNOWN_BOARD"));
    const opened = this.failure ? undefined : this.#opening.resized(size);
    if (!opened) return;
    this.#joiner.leave(this.#pages.resize(size));
    this.#changes.connected(opened);
    if (opened.pages !== pages) this.overviews.connected(opened);
    this.#events.emit("size", size);
  }

  receiveFrozen(frozen: Frozen): void {
    if (this.#pages.get(frozen.page) && this.#frozen.receive(frozen)) this.#events.emit("frozen", [frozen.page]);
  }

  receiveMine(mine: Mine): void {
    if (this.#pages.get(mine.page) && this.#own.receive(mine)) this.#events.emit("mine");
  }

  counted(people: number | undefined): void {
    if (people === this.people) return;
    this.people = people;
    this.#events.emit("people");
  }

  /** Closes the board. It does not open again. */
  end(reason: Refusal): void {
    if (this.failure) return;
    const refusal = reason.about(this.name);
    this.failure = refusal;
    this.#overdue.stop();
    this.#own.close();
    this.#opening.close(refusal);
    this.overviews.close(refusal);
    this.#pages.close(refusal);
    this.#changes.close(refusal);
    this.#setStatus("closed");
  }

  #opened(opened: OpenResult, owner: BoardOwner): void {
    const isResized = this.#pages.size !== opened.size;
    this.#pages.resize(opened.size);
    owner.opened(opened);
    this.#own.opened(opened);
    this.#setRight(opened.right);
    this.counted(opened.people);
    // Writes are sent first. They need no page, and their deltas come with the pages.
    this.#changes.connected(opened);
    this.#joiner.connected(opened);
    this.overviews.connected(opened);
    if (isResized) this.#events.emit("size", opened.size);
  }

  #released(pages: readonly number[]): void {
    for (const page of pages) {
      this.#changes.outbox.reached(page, Number.POSITIVE_INFINITY);
      this.#frozen.forget(page);
      this.#own.forget(page);
    }
    this.#joiner.leave(pages);
  }

  #setStatus(status: api.BoardStatus): void {
    if (status === this.status || this.status === "closed") return;
    this.status = status;
    this.#events.emit("status", status);
  }

  #setRight(right: api.Right): void {
    if (right === this.right) return;
    this.right = right;
    this.#events.emit("right", right);
  }

  readonly #emitChanges = (changes: readonly api.CellChange[]): void => {
    const seen = changes.filter(({ cell, mine }) => mine || this.#pages.ranges.has(cell));
    if (seen.length > 0) this.#events.emit("change", seen);
  };

  #refused(changes: readonly Dropped[], { code, message }: Refusal): void {
    if (code === "TOKEN_EXPIRED" && changes.length > 0) this.#setRight("view");
    for (const { cell, value } of changes) this.#events.emit("refused", { cell, value: value === 1, code, message });
  }
}
