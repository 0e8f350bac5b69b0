/*
 * The user's changes, from `set` to their fate. They are checked, shown immediately and queued in
 * the outbox. They are sent in batches, within the server's limits and at the pace it asks for, and
 * reported if they are refused.
 */

import type { Bit } from "../../board/bitmap.js";
import { BOARD_CELLS_MAX } from "../../board/geometry.js";
import { type CellChanges, inSteps, type SetAllOptions } from "../../board/steps.js";
import type { Cancel, Clock } from "../../protocol/clock.js";
import type { OpenResult, WriteResult } from "../../protocol/events.js";
import { type ErrorCode, Refusal } from "../../protocol/refusal.js";
import type { Abortable, BoardEvents, CellChange } from "../api/board.js";
import type { KeptSession } from "../api/connect-options.js";
import type { Line } from "../links/line.js";
import type { Dropped } from "../outbox/confirmed.js";
import { GIVE_UP_MS } from "../outbox/give-up.js";
import type { OutboxWrite } from "../outbox/in-flight.js";
import { Outbox } from "../outbox/outbox.js";
import type { Settle } from "../outbox/queue.js";
import { soon } from "../timing/soon.js";
import { untilAborted } from "../timing/until-aborted.js";
import type { WatchedPages } from "../watching/watched-pages.js";
import { ShownCells } from "./shown-cells.js";

/** Calls of `set`, and cells of `setAll`, that may wait on one board. */
const PENDING_MAX = 10_000;
const CELLS_AFTER_LIMIT_MIN = 16;
/** If old changes were given up longer ago, this is done again before anything is sent. */
const EXPIRE_MS = 1_000;
/**
 * These could be sent again, but not soon, because a person has to repair the page. Waiting for
 * that would hold up the changes on all other pages.
 */
const NOT_SENT_AGAIN: ReadonlySet<ErrorCode> = new Set(["PAGE_DAMAGED"]);
const CELL_REFUSALS: ReadonlySet<ErrorCode> = new Set(["FROZEN", "TAKEN", "CELL_OUT_OF_RANGE"]);

interface Listener extends Pick<BoardEvents, "delayed" | "roundTrip"> {
  changed(changes: readonly CellChange[]): void;
  refused(changes: readonly Dropped[], refusal: Refusal): void;
  /** The instance has acknowledged a write. Called before its promises are settled. */
  committed(changes: CellChanges, at: WriteResult["at"]): void;
  readonly kept: KeptSession | undefined;
}

export class UserChanges {
  readonly outbox = new Outbox();
  readonly shown: ShownCells;
  readonly #line: Line;
  readonly #session: string;
  readonly #clock: Clock;
  readonly #listener: Listener;
  /** The last answer to `open`. */
  #known: OpenResult | undefined;
  /** Calls whose signal was aborted, and that are not settled yet. */
  readonly #aborted = new Set<Settle>();
  #isConnected = false;
  #failure: Refusal | undefined;
  #pausedUntilMs = 0;
  #cancelWake: Cancel | undefined;
  #cellsMax = Number.POSITIVE_INFINITY;
  /** After a refusal for the rate, one write is sent at a time until one succeeds. */
  #isCareful = false;
  /** When old changes were last given up. */
  #expiredMs = 0;

  constructor(pages: WatchedPages, line: Line, session: string, clock: Clock, listener: Listener) {
    this.shown = new ShownCells(this.outbox, pages);
    this.#line = line;
    this.#session = session;
    this.#clock = clock;
    this.#listener = listener;
  }

  set(cell: number, value: boolean, { signal }: Abortable = {}): Promise<void> {
    // In a write of its own it can be withdrawn without another change of the cell.
    if (signal) return this.setAll([[cell, value]], { signal });
    const bit = value ? 1 : 0;
    return this.#enter([[[cell, bit]]], true, (_, settle) => this.outbox.set(cell, bit, this.#clock.now(), settle));
  }

  setAll(
    changes: Iterable<readonly [cell: number, value: boolean]>,
    { split = false, signal }: SetAllOptions & Abortable,
  ): Promise<void> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const last = new Map<number, Bit>();
    for (const [cell, value] of changes) last.set(cell, value ? 1 : 0);
    const steps = inSteps(last, this.#known?.limits.writeCellsMax ?? Number.POSITIVE_INFINITY);
    const calls = new Set<Settle>();
    const settled = this.#enter(steps, split, (step, settle) => {
      calls.add(settle);
      this.outbox.setAll(step, split, this.#clock.now(), settle);
    });
    if (!signal) return settled;
    const abort = () => {
      for (const call of calls) this.#aborted.add(call);
      this.#withdraw();
      this.#wake();
    };
    signal.addEventListener("abort", abort);
    const forget = () => {
      signal.removeEventListener("abort", abort);
      for (const call of calls) this.#aborted.delete(call);
    };
    settled.then(forget, forget);
    return untilAborted(settled, signal);
  }

  connected(opened: OpenResult): void {
    this.#known = opened;
    this.#isConnected = true;
    const { writeCellsMax } = opened.limits;
    this.#cellsMax = Math.min(this.#cellsMax, writeCellsMax);
    for (const { refusal, dropped } of this.outbox.fit(opened.size, writeCellsMax)) this.#dropped(dropped, refusal);
    this.#wake();
  }

  disconnected(): void {
    this.#isConnected = false;
    this.outbox.disconnected();
  }

  close(reason: Refusal): void {
    this.#failure = reason;
    this.stop();
    this.#giveUp(Number.POSITIVE_INFINITY, reason);
  }

  /**
   * Gives up the changes that have waited too long, and sends those that no longer have to wait for
   * other sessions. Call it once a second.
   */
  expire(): void {
    this.#expiredMs = this.#clock.now();
    this.#giveUp(this.#expiredMs - GIVE_UP_MS, new Refusal("EXPIRED"));
  }

  #giveUp(beforeMs: number, reason: Refusal): void {
    if (this.outbox.waiting === 0) return;
    this.#dropped(this.outbox.expire(beforeMs, reason), reason);
    this.#wake();
  }

  /** Sends nothing more, and settles nothing. */
  stop(): void {
    this.#isConnected = false;
    this.#cancelWake?.();
  }

  #enter(
    steps: readonly CellChanges[],
    canSplit: boolean,
    queue: (step: CellChanges, settle: Settle) => void,
  ): Promise<void> {
    const ops = steps.flat().map(([cell, value]) => ({ cell, value }));
    const refusal = this.#check(ops) ?? (steps.length > 1 && !canSplit ? new Refusal("NEEDS_SPLIT") : undefined);
    if (refusal) {
      this.#listener.refused(ops, refusal);
      return Promise.reject(refusal);
    }
    const changes = ops.flatMap(({ cell, value }) => {
      const isChecked = value === 1;
      return this.shown.get(cell) === isChecked ? [] : { cell, value: isChecked, mine: true };
    });
    const settled = steps.map(
      (step) =>
        new Promise<void>((done, fail) => {
          let open = step.length;
          queue(step, (error) => {
            if (error) fail(error);
            else if (--open === 0) done();
          });
        }),
    );
    this.#listener.changed(changes);
    this.#wake();
    return Promise.all(settled).then(() => undefined);
  }

  /** Drops aborted changes that wait. Those on their way may return to the queue later. */
  #withdraw(): void {
    if (this.#aborted.size > 0) this.#listener.changed(this.shown.dropped(this.outbox.withdraw(this.#aborted), true));
  }

  #check(ops: readonly Dropped[]): Refusal | undefined {
    if (this.#failure) return this.#failure;
    const size = this.#known?.size ?? BOARD_CELLS_MAX;
    const cells = ops.flatMap(({ cell }) => (Number.isSafeInteger(cell) && cell >= 0 && cell < size ? [] : cell));
    if (cells.length > 0) return new Refusal("CELL_OUT_OF_RANGE", { cells });
    return this.outbox.waiting + ops.length > PENDING_MAX ? new Refusal("OUTBOX_FULL") : undefined;
  }

  /** Sends after the current task, so that changes made together travel together. */
  readonly #wake = soon(() => {
    this.#withdraw();
    // The computer may have slept, and changes that are too old must not be sent.
    if (this.#clock.now() - this.#expiredMs > EXPIRE_MS) this.expire();
    const opened = this.#isConnected ? this.#known : undefined;
    const writes = opened ? this.#take(opened.limits) : [];
    try {
      this.#listener.kept?.keep(() => this.outbox.saved, writes.length > 0);
    } finally {
      if (opened) for (const write of writes) this.#post(opened, write);
    }
  });

  #take({ writeCellsMax, writesInFlightMax }: OpenResult["limits"]): OutboxWrite[] {
    const waitMs = this.#pausedUntilMs - this.#clock.now();
    if (waitMs > 0) {
      this.#cancelWake?.();
      this.#cancelWake = this.#clock.after(waitMs, this.#wake);
      return [];
    }
    const writes = this.outbox.takeUnsent();
    const mustWait = this.#listener.kept?.mustWait();
    const inFlightMax = this.#isCareful ? 1 : writesInFlightMax;
    while (this.outbox.inFlight < inFlightMax) {
      const write = this.outbox.take(Math.min(this.#cellsMax, writeCellsMax), writesInFlightMax, mustWait);
      if (!write) break;
      writes.push(write);
    }
    return writes;
  }

  #post({ handle, limits }: OpenResult, write: OutboxWrite): void {
    const sentMs = this.#clock.now();
    this.#line.request("write", { handle, session: this.#session, ...write }, (outcome) => {
      // After a lost connection everything without an answer is sent again.
      if (!outcome) return;
      if (outcome instanceof Refusal) this.#refused(write.seq, outcome);
      else this.#acknowledged(write, outcome, limits.writeCellsMax, sentMs);
    });
  }

  #acknowledged({ seq, changes }: OutboxWrite, { at }: WriteResult, writeCellsMax: number, sentMs: number): void {
    this.#isCareful = false;
    this.#cellsMax = Math.min(writeCellsMax, this.#cellsMax * 2);
    this.#listener.committed(changes, at);
    this.outbox.acknowledged(seq, new Map(at));
    this.#listener.changed(this.shown.acknowledged(at));
    this.#listener.roundTrip(this.#clock.now() - sentMs);
    this.#wake();
  }

  #refused(seq: number, refusal: Refusal): void {
    const { code, rule, pauseMs } = refusal;
    if (!rule.retry || NOT_SENT_AGAIN.has(code)) {
      this.#dropped(this.outbox.refused(seq, refusal, this.#isUnclear(refusal)), refusal);
      this.#wake();
      return;
    }
    if (rule.outcome === "unknown") this.outbox.unsettled(seq);
    else this.outbox.requeue(seq, code === "UNDECIDED");
    if (code === "RATE_LIMITED") {
      this.#isCareful = true;
      this.#cellsMax = Math.max(CELLS_AFTER_LIMIT_MIN, Math.floor(this.#cellsMax / 2));
    }
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.now() + pauseMs);
    this.#listener.delayed({ code, retryAfterMs: pauseMs, waiting: this.outbox.size });
    this.#wake();
  }

  /**
   * Whether some cells of the write are to blame but are not named. Older instances name none, and
   * neither does an app that refuses whole writes. If the client may only view, all are to blame.
   */
  #isUnclear({ code, cells }: Refusal): boolean {
    if (cells) return false;
    return CELL_REFUSALS.has(code) || (code === "FORBIDDEN" && this.#known?.right !== "view");
  }

  #dropped(dropped: readonly Dropped[], refusal: Refusal): void {
    this.#listener.changed(this.shown.dropped(dropped, true));
    this.#listener.refused(dropped, refusal);
  }
}
