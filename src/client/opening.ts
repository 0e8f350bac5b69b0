/*
 * Opens the board on each new connection. It keeps the instance's answer on the current connection,
 * and the last answer on any.
 */

import type { Cancel, Clock } from "../protocol/clock.js";
import { type Refusal, refusalFrom, refusalOf } from "../protocol/errors.js";
import type { OpenResult } from "../protocol/events.js";
import { PROTOCOL_VERSION } from "../protocol/version.js";
import { deferred } from "./deferred.js";
import { ConnectionLost, type Line } from "./line.js";

export interface BoardOwner {
  opened(result: OpenResult): void;
  /** The token grants no rights here. Another one is requested. */
  problem(problem: Refusal): void;
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
  readonly #line: Line;
  readonly #clock: Clock;
  readonly #listener: Listener;
  readonly #ready = deferred();
  /** Resolves at the first answer; rejects if the board is closed before that. */
  readonly ready = this.#ready.promise;
  #cancelRetry: Cancel | undefined;
  #isClosed = false;

  constructor(board: string, line: Line, clock: Clock, listener: Listener) {
    this.#board = board;
    this.#line = line;
    this.#clock = clock;
    this.#listener = listener;
  }

  /** Like `ready`, but rejects with the signal's reason if the signal is aborted first. */
  whenReady(signal: AbortSignal): Promise<void> {
    return new Promise((done, fail) => {
      const abort = () => fail(signal.reason);
      if (signal.aborted) return abort();
      signal.addEventListener("abort", abort);
      this.ready.then(done, fail).finally(() => signal.removeEventListener("abort", abort));
    });
  }

  /** Whether the instance answers. Opening an open board changes nothing. */
  isAnswered(): Promise<boolean> {
    return this.#ask().then(
      () => true,
      (error: unknown) => !(error instanceof ConnectionLost),
    );
  }

  async connected(): Promise<void> {
    let opened: OpenResult;
    try {
      opened = await this.#ask();
    } catch (error) {
      this.#refused(error);
      return;
    }
    if (this.#isClosed) return;
    this.#line.settled();
    this.present = opened;
    this.known = opened;
    this.#ready.done();
    this.#listener.opened(opened);
    if (opened.problem) this.#renew(refusalFrom(opened.problem));
  }

  disconnected(): void {
    this.present = undefined;
    this.#cancelRetry?.();
  }

  close(reason: Refusal): void {
    this.#isClosed = true;
    this.#cancelRetry?.();
    this.#ready.fail(reason);
  }

  #ask(): Promise<OpenResult> {
    return this.#line.request("open", { board: this.#board, protocol: PROTOCOL_VERSION });
  }

  #renew(problem: Refusal): boolean {
    this.#listener.problem(problem);
    return this.#line.renew(problem);
  }

  #refused(error: unknown): void {
    // After a lost connection, `connected` is called again.
    if (error instanceof ConnectionLost || this.#isClosed) return;
    const refusal = refusalOf(error);
    // The app has provided a good token before, so it may provide another.
    const mayRenew = refusal.code === "TOKEN_EXPIRED" || (refusal.code === "UNAUTHORIZED" && this.known !== undefined);
    if (mayRenew && this.#renew(refusal)) return;
    if (!refusal.rule.retry) this.#listener.failed(refusal);
    else {
      this.#cancelRetry = this.#clock.after(refusal.pauseMs, () => {
        if (this.#line.isUp && !this.present && !this.#isClosed) void this.connected();
      });
    }
  }
}
