/*
 * The sender moves the outbox over the wire: the outbox says what to send, the sender says when. It
 * batches what was set together, keeps to the server's limits, and slows down on request.
 */

import type { Cancel, Clock } from "../protocol/clock.js";
import { type ErrorCode, type Refusal, refusalOf } from "../protocol/errors.js";
import type { OpenResult, WriteResult } from "../protocol/events.js";
import type { BoardEvents } from "./board.js";
import type { Dropped } from "./confirmed.js";
import { ConnectionLost, type Line } from "./line.js";
import type { Outbox, OutboxWrite } from "./outbox.js";

interface Listener extends Pick<BoardEvents, "delayed" | "roundTrip"> {
  /** Committed; on each page it is in at the given version. */
  acknowledged(at: WriteResult["at"]): void;
  /** Given up; these cells show something else now. */
  dropped(dropped: readonly Dropped[], refusal: Refusal): void;
}

const CELLS_AFTER_LIMIT_MIN = 16;
/**
 * Could be sent again, but not soon, because a person has to repair the page. Waiting for that would
 * hold up the changes on all other pages.
 */
const NOT_SENT_AGAIN: ReadonlySet<ErrorCode> = new Set(["PAGE_DAMAGED"]);
const CELL_REFUSALS: ReadonlySet<ErrorCode> = new Set(["FROZEN", "CELL_OUT_OF_RANGE"]);

export class Sender {
  readonly #outbox: Outbox;
  readonly #line: Line;
  readonly #session: string;
  readonly #clock: Clock;
  readonly #listener: Listener;
  #opened: OpenResult | undefined;
  #isScheduled = false;
  #pausedUntilMs = 0;
  #cancelWake: Cancel | undefined;
  #cellsMax = Number.POSITIVE_INFINITY;
  /** After a refusal for the rate, one write is sent at a time until one succeeds. */
  #isCareful = false;

  constructor(outbox: Outbox, line: Line, session: string, clock: Clock, listener: Listener) {
    this.#outbox = outbox;
    this.#line = line;
    this.#session = session;
    this.#clock = clock;
    this.#listener = listener;
  }

  connected(opened: OpenResult): void {
    this.#opened = opened;
    const { writeCellsMax } = opened.limits;
    this.#cellsMax = Math.min(this.#cellsMax, writeCellsMax);
    for (const { refusal, dropped } of this.#outbox.fit(opened.size, writeCellsMax)) {
      this.#listener.dropped(dropped, refusal);
    }
    this.wake();
  }

  disconnected(): void {
    this.#opened = undefined;
    this.#outbox.disconnected();
  }

  close(): void {
    this.#opened = undefined;
    this.#cancelWake?.();
  }

  /** Sends after the present task, so that changes made together travel together. */
  wake(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (this.#opened) this.#send(this.#opened);
    });
  }

  #send(opened: OpenResult): void {
    const { writeCellsMax, writesInFlightMax } = opened.limits;
    const waitMs = this.#pausedUntilMs - this.#clock.now();
    if (waitMs > 0) {
      this.#cancelWake?.();
      this.#cancelWake = this.#clock.after(waitMs, () => this.wake());
      return;
    }
    for (const write of this.#outbox.takeUnsent()) void this.#post(opened, write);
    const inFlightMax = this.#isCareful ? 1 : writesInFlightMax;
    while (this.#outbox.inFlight < inFlightMax) {
      const write = this.#outbox.take(Math.min(this.#cellsMax, writeCellsMax), writesInFlightMax);
      if (!write) return;
      void this.#post(opened, write);
    }
  }

  async #post({ handle, limits }: OpenResult, write: OutboxWrite): Promise<void> {
    const sentMs = this.#clock.now();
    let at: WriteResult["at"];
    try {
      ({ at } = await this.#line.request("write", { handle, session: this.#session, ...write }));
    } catch (error) {
      // After a lost connection everything without an answer is sent again.
      if (!(error instanceof ConnectionLost)) this.#refused(write.seq, refusalOf(error));
      return;
    }
    this.#isCareful = false;
    this.#cellsMax = Math.min(limits.writeCellsMax, this.#cellsMax * 2);
    this.#outbox.acknowledged(write.seq, new Map(at));
    this.#listener.acknowledged(at);
    this.#listener.roundTrip(this.#clock.now() - sentMs);
    this.wake();
  }

  #refused(seq: number, refusal: Refusal): void {
    const { code, rule, pauseMs } = refusal;
    if (!rule.retry || NOT_SENT_AGAIN.has(code)) {
      this.#listener.dropped(this.#outbox.refused(seq, refusal, this.#isUnclear(refusal)), refusal);
      this.wake();
      return;
    }
    if (rule.outcome === "unknown") this.#outbox.unsettled(seq);
    else this.#outbox.requeue(seq, code === "UNDECIDED");
    if (code === "RATE_LIMITED") {
      this.#isCareful = true;
      this.#cellsMax = Math.max(CELLS_AFTER_LIMIT_MIN, Math.floor(this.#cellsMax / 2));
    }
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.now() + pauseMs);
    this.#listener.delayed({ code, retryAfterMs: pauseMs, waiting: this.#outbox.size });
    this.wake();
  }

  /**
   * Whether some cells of the write are to blame but are not named. Older instances name none, and
   * neither does an app that refuses whole writes. A client that may only view has all refused.
   */
  #isUnclear({ code, cells }: Refusal): boolean {
    if (cells) return false;
    return CELL_REFUSALS.has(code) || (code === "FORBIDDEN" && this.#opened?.right !== "view");
  }
}
