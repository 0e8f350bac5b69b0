/*
 * The implementation of `Board`. It connects the parts:
 *
 *     opening       opens the board on each connection
 *     joiner        keeps the watched pages up to date
 *     user-changes  shows the user's changes and carries them to the store
 *
 * Replicas and outbox survive reconnects, even to another instance.
 */

import { createNanoEvents } from "nanoevents";
import type { Delta, Snapshot } from "../board/delta.js";
import { cellsInPage, pageCount } from "../board/geometry.js";
import type { Replica } from "../board/replica.js";
import type { SetAllOptions } from "../board/steps.js";
import { type Cancel, type Clock, every } from "../protocol/clock.js";
import type { Frozen, OpenResult } from "../protocol/events.js";
import { Refusal } from "../protocol/refusal.js";
import type { Board, BoardEvents, BoardStatus, CellChange, CellRange, Overview, Right, Watch } from "./board.js";
import type { Dropped } from "./confirmed.js";
import { FrozenCells } from "./frozen-cells.js";
import { Joiner } from "./joiner.js";
import type { Line } from "./line.js";
import { type BoardOwner, Opening } from "./opening.js";
import { OverviewWatches } from "./overview-watches.js";
import { UserChanges } from "./user-changes.js";
import { WatchedPages } from "./watched-pages.js";

/** The server remembers sequence numbers for longer, so it recognises a late retry. */
const GIVE_UP_MS = 300_000;
const TICK_MS = 1_000;

export class LiveBoard implements Board {
  readonly name: string;
  readonly overviews: OverviewWatches;
  status: BoardStatus = "connecting";
  right: Right | undefined;
  failure: Refusal | undefined;
  readonly #events = createNanoEvents<BoardEvents>();
  readonly #pages = new WatchedPages({
    held: () => this.#joiner.joinSoon(),
    released: (pages) => this.#released(pages),
  });
  readonly #frozen = new FrozenCells();
  readonly #opening: Opening;
  readonly #joiner: Joiner;
  readonly #changes: UserChanges;
  readonly #stopTicking: Cancel;
  /** Whether the instance has been heard from since the last tick. */
  #isHeard = false;

  /** `session` belongs to this board alone, because its sequence numbers do. */
  constructor(name: string, line: Line, clock: Clock, session: string, owner: BoardOwner) {
    this.name = name;
    this.#changes = new UserChanges(this.#pages, line, session, clock, {
      changed: (changes) => this.#emitChanges(changes),
      refused: (changes, refusal) => this.#refused(changes, refusal),
      heard: () => {
        this.#isHeard = true;
      },
      delayed: (delay) => this.#events.emit("delayed", delay),
      roundTrip: (ms) => this.#events.emit("roundTrip", ms),
    });
    this.#joiner = new Joiner(this.#pages, line, clock, {
      loaded: (page) => this.#emitChanges(this.#changes.shown.loaded(page)),
      asked: (page) => this.#frozen.asked(page),
      joined: (page) => {
        if (this.#frozen.joined(page)) this.#events.emit("frozen", [page]);
      },
      changed: () => {
        if (this.#opening.present) this.#setStatus(this.#joiner.isLive ? "live" : "joining");
      },
    });
    this.#opening = new Opening(name, session, line, clock, {
      opened: (opened) => this.#opened(opened, owner),
      failed: (refusal) => this.end(refusal),
      problem: (problem) => owner.problem(problem),
    });
    this.overviews = new OverviewWatches(line, clock, (...changed) => this.#events.emit("overview", ...changed));
    this.#stopTicking = every(clock, TICK_MS, () => this.#tick(clock.now()));
    if (line.isUp) this.connected();
  }

  get ready(): Promise<void> {
    return this.#opening.ready;
  }

  whenReady({ signal }: { readonly signal?: AbortSignal } = {}): Promise<void> {
    return signal ? this.#opening.whenReady(signal) : this.ready;
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

  isPending(cell: number): boolean {
    return this.#changes.outbox.shown(cell) !== undefined;
  }

  isFrozen(cell: number): boolean {
    return this.#frozen.has(cell);
  }

  frozenOf(page: number): readonly CellRange[] {
    return this.#frozen.of(page);
  }

  set(cell: number, value: boolean): Promise<void> {
    return this.#changes.set(cell, value);
  }

  setAll(changes: Iterable<readonly [cell: number, value: boolean]>, options: SetAllOptions = {}): Promise<void> {
    return this.#changes.setAll(changes, options);
  }

  watch(range: CellRange): Watch {
    return this.#pages.watch(range);
  }

  get overview(): Overview | undefined {
    return this.overviews.current;
  }

  watchOverview(): Watch {
    return this.overviews.watch();
  }

  on<Name extends keyof BoardEvents>(name: Name, listener: BoardEvents[Name]): () => void {
    return this.#events.on(name, listener);
  }

  close(): void {
    this.end(new Refusal("CLOSED"));
  }

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
    this.#isHeard = true;
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

  /** Closes the board. It does not open again. */
  end(refusal: Refusal): void {
    if (this.failure) return;
    this.failure = refusal;
    this.#stopTicking();
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
    this.#setRight(opened.right);
    // Writes are sent first. They need no page, and their deltas come with the pages.
    this.#changes.connected(opened);
    this.#joiner.connected(opened);
    this.overviews.connected(opened);
    if (isResized) this.#events.emit("size", opened.size);
  }

  /**
   * Gives up changes that cannot be delivered, and committed changes whose delta does not come. On
   * a silent connection that delta may still be on its way. So the wait counts only if the instance
   * was heard, or answers now. The next tick does not wait for that answer.
   */
  #tick(nowMs: number): void {
    this.#changes.expire(nowMs - GIVE_UP_MS, new Refusal("EXPIRED"));
    const isHeard = this.#isHeard;
    this.#isHeard = false;
    const awaited = () =>
      this.#pages.numbers.filter((page) => this.#joiner.isJoined(page) && this.#changes.outbox.isAwaited(page));
    if (awaited().length === 0) return;
    const waited = () => this.#emitChanges(this.#changes.shown.waited(awaited()));
    if (isHeard) waited();
    else {
      this.#opening.isAnswered((isAnswered) => {
        if (isAnswered) waited();
      });
    }
  }

  #released(pages: readonly number[]): void {
    for (const page of pages) {
      this.#changes.outbox.reached(page, Number.POSITIVE_INFINITY);
      this.#frozen.forget(page);
    }
    this.#joiner.leave(pages);
  }

  #setStatus(status: BoardStatus): void {
    if (status === this.status || this.status === "closed") return;
    this.status = status;
    this.#events.emit("status", status);
  }

  #setRight(right: Right): void {
    if (right === this.right) return;
    this.right = right;
    this.#events.emit("right", right);
  }

  #emitChanges(changes: readonly CellChange[]): void {
    if (changes.length > 0) this.#events.emit("change", changes);
  }

  #refused(changes: readonly Dropped[], { code, message }: Refusal): void {
    if (code === "TOKEN_EXPIRED" && changes.length > 0) this.#setRight("view");
    for (const { cell, value } of changes) this.#events.emit("refused", { cell, value: value === 1, code, message });
  }
}
