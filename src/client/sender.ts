/*
 * The sender moves the outbox over the wire: batches what was set together, keeps to the server's limits, sends again
 * what has no answer, and slows down when it is told to. The outbox says what is to be sent; this says when.
 */

import type { Bit } from "../board/bitmap.js";
import type { Cancel, Clock } from "../protocol/clock.js";
import { ERRORS, type ErrorCode, type Refusal, refusalOf } from "../protocol/errors.js";
import type { OpenResult, WriteResult } from "../protocol/events.js";
import type { Dropped } from "./confirmed.js";
import { ConnectionLost } from "./line.js";
import type { Outbox } from "./outbox.js";

export interface SenderListener {
  /** Committed; on each page it is in at the given version. */
  acknowledged(at: WriteResult["at"]): void;
  /** Given up; these cells show something else now. */
  dropped(dropped: readonly Dropped[], refusal: Refusal): void;
  delayed(delay: { readonly code: ErrorCode; readonly retryAfterMs: number; readonly waiting: number }): void;
  roundTrip(ms: number): void;
}

/** Sends one write on the present connection. */
export type Post = (seq: number, changes: readonly (readonly [cell: number, value: Bit])[]) => Promise<WriteResult>;

const RETRY_MS = 500;
const CELLS_AFTER_LIMIT_MIN = 16;
/**
 * Could be sent again, but not soon: a person has to mend the page. Waiting for that would hold up
 * the changes on all other pages.
 */
const NOT_SENT_AGAIN: ReadonlySet<ErrorCode> = new Set(["PAGE_DAMAGED"]);
const CELL_REFUSALS: ReadonlySet<ErrorCode> = new Set(["FROZEN", "CELL_OUT_OF_RANGE"]);

export class Sender {
  readonly #outbox: Outbox;
  readonly #clock: Clock;
  readonly #listener: SenderListener;
  #line: { readonly post: Post; readonly opened: OpenResult } | undefined;
  #isScheduled = false;
  #pausedUntilMs = 0;
  #cancelWake: Cancel | undefined;
  #cellsMax = Number.POSITIVE_INFINITY;
  /** After a refusal for the rate: one write at a time until one is taken. */
  #isCareful = false;

  constructor(outbox: Outbox, clock: Clock, listener: SenderListener) {
    this.#outbox = outbox;
    this.#clock = clock;
    this.#listener = listener;
  }

  connected(post: Post, opened: OpenResult): void {
    this.#line = { post, opened };
    const { writeCellsMax } = opened.limits;
    this.#cellsMax = Math.min(this.#cellsMax, writeCellsMax);
    for (const { refusal, dropped } of this.#outbox.fit(opened.size, writeCellsMax)) {
      this.#listener.dropped(dropped, refusal);
    }
    this.wake();
  }

  disconnected(): void {
    this.#line = undefined;
    this.#outbox.disconnected();
  }

  close(): void {
    this.#line = undefined;
    this.#cancelWake?.();
  }

  /** Sends after the present task, so that changes made together travel together. */
  wake(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#send();
    });
  }

  #send(): void {
    if (!this.#line) return;
    const { limits } = this.#line.opened;
    const waitMs = this.#pausedUntilMs - this.#clock.now();
    if (waitMs > 0) {
      this.#cancelWake?.();
      this.#cancelWake = this.#clock.after(waitMs, () => this.wake());
      return;
    }
    for (const { seq, changes } of this.#outbox.takeUnsent()) this.#post(seq, changes);
    const inFlightMax = this.#isCareful ? 1 : limits.writesInFlightMax;
    while (this.#outbox.inFlight < inFlightMax) {
      const write = this.#outbox.take(Math.min(this.#cellsMax, limits.writeCellsMax), limits.writesInFlightMax);
      if (!write) return;
      this.#post(write.seq, write.changes);
    }
  }

  #post(seq: number, changes: readonly (readonly [number, Bit])[]): void {
    const line = this.#line;
    if (!line) return;
    const sentMs = this.#clock.now();
    line.post(seq, changes).then(
      ({ at }) => {
        this.#isCareful = false;
        this.#cellsMax = Math.min(line.opened.limits.writeCellsMax, this.#cellsMax * 2);
        this.#outbox.acknowledged(seq, new Map(at));
        this.#listener.acknowledged(at);
        this.#listener.roundTrip(this.#clock.now() - sentMs);
        this.wake();
      },
      (error: unknown) => {
        // A lost connection comes back by itself, and then everything without an answer is sent again.
        if (!(error instanceof ConnectionLost)) this.#failed(seq, error);
      },
    );
  }

  #failed(seq: number, error: unknown): void {
    const refusal = refusalOf(error);
    const { outcome, retry } = ERRORS[refusal.code];
    if (!retry || NOT_SENT_AGAIN.has(refusal.code)) {
      this.#listener.dropped(this.#outbox.refused(seq, refusal, this.#isUnclear(refusal)), refusal);
      this.wake();
      return;
    }
    if (outcome === "unknown") this.#outbox.unsettled(seq);
    else this.#outbox.requeue(seq, refusal.code === "UNDECIDED");
    if (refusal.code === "RATE_LIMITED") {
      this.#isCareful = true;
      this.#cellsMax = Math.max(CELLS_AFTER_LIMIT_MIN, Math.floor(this.#cellsMax / 2));
    }
    const retryAfterMs = refusal.retryAfterMs ?? RETRY_MS;
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, this.#clock.now() + retryAfterMs);
    this.#listener.delayed({ code: refusal.code, retryAfterMs, waiting: this.#outbox.size });
    this.wake();
  }

  /**
   * Whether some cells of the write are to blame, and which was not said: by an instance from before refusals named cells, or
   * by an app that refuses whole writes. A client that may only view is refused whatever it writes.
   */
  #isUnclear({ code, cells }: Refusal): boolean {
    if (cells) return false;
    return CELL_REFUSALS.has(code) || (code === "FORBIDDEN" && this.#line?.opened.right !== "view");
  }
}
