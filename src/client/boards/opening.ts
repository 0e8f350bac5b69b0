/*
 * Opens the board on each new connection. It keeps the instance's answer on the current connection,
 * and the last answer on any.
 */

import { pageCount } from "../../board/geometry.js";
import type { Cancel, Clock } from "../../protocol/clock.js";
import type { OpenResult } from "../../protocol/events.js";
import { Refusal, refusalFrom } from "../../protocol/refusal.js";
import type { KeptSession } from "../api/connect-options.js";
import type { Line, Outcome } from "../links/line.js";
import { deferred } from "../timing/deferred.js";

export interface BoardOwner {
  opened(result: OpenResult): void;
  /** The token grants no rights here, or the board cannot be opened yet. It is tried again. */
  problem(problem: Refusal): void;
  /** Keeps the changes that wait. */
  readonly kept?: KeptSession | undefined;
}

interface Listener extends BoardOwner {
  /** The board cannot be used at all. */
  failed(refusal: Refusal): void;
}

export class Opening {
  /** The last answer; undefined until the first. */
  known: OpenResult | undefined;
  /** The answer on the current connection. */
  present: OpenResult | undefined;
  readonly #board: string;
  readonly #session: string;
  readonly #line: Line;
  readonly #clock: Clock;
  readonly #listener: Listener;
  #ready = deferred();
  #isAsking = false;
  #cancelRetry: Cancel | undefined;
  #isClosed = false;

  constructor(board: string, session: string, line: Line, clock: Clock, listener: Listener) {
    this.#board = board;
    this.#session = session;
    this.#line = line;
    this.#clock = clock;
    this.#listener = listener;
  }

  /** Resolves at the first answer; rejects once the board is closed. */
  get ready(): Promise<void> {
    return this.#ready.promise;
  }

  /**
   * Reports whether the instance answers, unless a report is still to come. Opening an open board
   * changes nothing.
   */
  isAnswered(answered: (isAnswered: boolean) => void): void {
    if (this.#isAsking) return;
    this.#isAsking = true;
    this.#ask((outcome) => {
      this.#isAsking = false;
      answered(outcome !== undefined);
    });
  }

  connected(): void {
    this.#ask((outcome) => {
      // After a lost connection this is called again.
      if (!outcome || this.#isClosed) return;
      if (outcome instanceof Refusal) this.#refused(outcome);
      else this.#opened(outcome);
    });
  }

  #opened(opened: OpenResult): void {
    this.#line.settled();
    this.present = opened;
    this.known = opened;
    this.#ready.done();
    this.#listener.opened(opened);
    if (opened.problem) this.#renew(refusalFrom(opened.problem));
  }

  /** The open board has another size now. */
  resized(size: number): OpenResult | undefined {
    if (this.present) this.known = this.present = { ...this.present, size, pages: pageCount(size) };
    return this.present;
  }

  disconnected(): void {
    this.present = undefined;
    this.#cancelRetry?.();
  }

  close(reason: Refusal): void {
    this.#isClosed = true;
    this.#cancelRetry?.();
    // The first answer may have resolved it.
    if (this.known) this.#ready = deferred();
    this.#ready.fail(reason);
  }

  #ask(settle: (outcome: Outcome<OpenResult>) => void): void {
    const { protocol } = this.#line;
    this.#line.request("open", { board: this.#board, protocol, resizes: true, session: this.#session }, settle);
  }

  #renew(problem: Refusal): boolean {
    this.#listener.problem(problem);
    return this.#line.renew(problem);
  }

  #refused(refusal: Refusal): void {
    // The app has provided a good token before, so it may provide another.
    const mayRenew = refusal.code === "TOKEN_EXPIRED" || (refusal.code === "UNAUTHORIZED" && this.known !== undefined);
    if (mayRenew && this.#renew(refusal)) return;
    if (!refusal.rule.retry) this.#listener.failed(refusal);
    else {
      this.#listener.problem(refusal);
      this.#cancelRetry = this.#clock.after(refusal.pauseMs, () => {
        if (this.#line.isUp && !this.present && !this.#isClosed) this.connected();
      });
    }
  }
}
