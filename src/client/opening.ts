/*
 * Opens a board on each new connection, again where that may help, and remembers what the instance said of it: on the
 * present connection, and the last time.
 */

import type { Cancel, Clock } from "../protocol/clock.js";
import { type Refusal, refusalFrom, refusalOf } from "../protocol/errors.js";
import type { OpenResult } from "../protocol/events.js";
import { PROTOCOL_VERSION } from "../protocol/version.js";
import { ConnectionLost, type Line } from "./line.js";

export interface OpeningListener {
  opened(result: OpenResult): void;
  /** The board cannot be used at all. */
  failed(refusal: Refusal): void;
  /** The token gives nothing here: why. Another is asked for. */
  problem(problem: Refusal): void;
}

const RETRY_MS = 500;

export class Opening {
  /** What the instance said last; undefined until the first answer. */
  known: OpenResult | undefined;
  /** What it said on the present connection. */
  present: OpenResult | undefined;
  readonly #board: string;
  readonly #line: Line;
  readonly #clock: Clock;
  readonly #listener: OpeningListener;
  #retry: Cancel | undefined;
  #isClosed = false;

  constructor(board: string, line: Line, clock: Clock, listener: OpeningListener) {
    this.#board = board;
    this.#line = line;
    this.#clock = clock;
    this.#listener = listener;
  }

  /** Whether the instance answers. Opening what is open changes nothing. */
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
    this.#line.settled();
    this.present = opened;
    this.known = opened;
    this.#listener.opened(opened);
    if (opened.problem) this.#renew(refusalFrom(opened.problem));
  }

  disconnected(): void {
    this.present = undefined;
    // The next connection opens for itself.
    this.#retry?.();
  }

  close(): void {
    this.#isClosed = true;
    this.#retry?.();
  }

  #ask(): Promise<OpenResult> {
    return this.#line.request("open", { board: this.#board, protocol: PROTOCOL_VERSION });
  }

  #renew(problem: Refusal): boolean {
    this.#listener.problem(problem);
    return this.#line.renew(problem);
  }

  #refused(error: unknown): void {
    // A lost connection comes back by itself, and `connected` with it.
    if (error instanceof ConnectionLost || this.#isClosed) return;
    const refusal = refusalOf(error);
    // A token that was accepted once is followed by another that is; of one that is over, that may be hoped as well.
    const mayRenew = refusal.code === "TOKEN_EXPIRED" || (refusal.code === "UNAUTHORIZED" && this.known !== undefined);
    if (mayRenew && this.#renew(refusal)) return;
    if (!refusal.rule.retry) this.#listener.failed(refusal);
    else {
      this.#retry = this.#clock.after(refusal.retryAfterMs ?? RETRY_MS, () => {
        if (this.#line.isUp && !this.present && !this.#isClosed) void this.connected();
      });
    }
  }
}
