/*
 * A board for the host app's own server code. Its writes take the same path as a client's. Rights
 * and rate limits do not apply to them, but frozen cells stay frozen.
 */

import { type Bit, bitmapBytes, countBetween, countBits, getBit } from "../../board/bitmap.js";
import { cellAt, cellsInPage, offsetOf, PAGE_CELLS, pageCount, pageOf, pagesBetween } from "../../board/geometry.js";
import { inSteps, type SetAllOptions } from "../../board/steps.js";
import { Refusal, refusalOf } from "../../protocol/errors.js";
import { BATCH_CHANGES_MAX } from "../../store/store.js";
import type { Region } from "../admin/admin.js";
import {
  actOnClaims,
  type BoardClaim,
  type ClaimAction,
  type ForUser,
  listClaims,
  ownerOf,
} from "../claims/board-claims.js";
import { APP_OWNER } from "../claims/owners.js";
import { checkPage, type Instance } from "../instance/instance.js";
import type { HostedBoard } from "../pages/pages.js";
import { refuseAway } from "../pages/store-refusal.js";
import { committed, PARTLY } from "../writes/commit-changes.js";
import { OwnSessions } from "../writes/own-sessions.js";
import { type ChangeListener, ChangeQueue, LISTENED_PAGES_MAX } from "./change-queue.js";

/** Pages whose heads are requested in one round trip. */
const HEADS_MAX = 1_024;

/** Options of `onChange`. */
export interface ListenOptions {
  /**
   * The cells to report. Default: the whole board, even as it grows, up to 67,108,864 cells.
   */
  readonly range?: Region;
  /**
   * Whether to report the checked cells first, so that no change is missed between reading and
   * listening.
   */
  readonly fromEmpty?: boolean;
}

/** Without a user, the app itself owns what it checks. */
export interface ServerSetOptions extends SetAllOptions, ForUser {}

/** A listener that `onChange` added. */
export interface Listening {
  /**
   * Resolves when all commits from then on are reported. Pending while the store is unavailable.
   */
  readonly ready: Promise<void>;
  /** Removes the listener. */
  stop(): void;
}

/** A board for your server code. `attachBoards` makes it: see `board(name)`. */
export class ServerBoard {
  /** Name of the board. */
  readonly name: string;
  readonly #instance: Instance;
  readonly #board: HostedBoard;
  readonly #sessions = new OwnSessions();
  readonly #queues = new Set<ChangeQueue>();
  readonly #stops = new Set<() => void>();

  constructor(instance: Instance, board: HostedBoard) {
    this.name = board.name;
    this.#instance = instance;
    this.#board = board;
  }

  /** Number of cells; 0 once the board is removed. */
  get size(): number {
    return this.#board.size;
  }

  /**
   * Whether the cell is checked in the store. Reflects every write acknowledged before the call.
   */
  async get(cell: number): Promise<boolean> {
    this.#checkCell(cell);
    const { bits } = await this.#instance.readStored(this.#board, pageOf(cell));
    return getBit(bits, offsetOf(cell)) === 1;
  }

  /** All bits of a page in the store: cell 65,536 × page + i is bit 7 - i % 8 of byte i / 8. */
  async bitsOf(page: number): Promise<Uint8Array> {
    if (!Number.isSafeInteger(page) || page < 0) throw new Refusal("PAGE_OUT_OF_RANGE");
    checkPage(this.#board, page);
    const bits = new Uint8Array(bitmapBytes(cellsInPage(this.size, page)));
    const { bits: stored } = await this.#instance.readStored(this.#board, page);
    // The board may have been resized meanwhile.
    bits.set(stored.subarray(0, bits.length));
    return bits;
  }

  /**
   * Number of checked cells in the store, of the range or of the whole board. The pages are counted
   * one after another, so clients may change some of them meanwhile.
   */
  async count({ start, end }: Region = { start: 0, end: this.size }): Promise<number> {
    this.#checkRange(start, end);
    let count = 0;
    const whole: number[] = [];
    for (const page of pagesBetween(start, end)) {
      const first = cellAt(page, 0);
      if (start <= first && first + PAGE_CELLS <= end) whole.push(page);
      else
        count += countBetween(await this.bitsOf(page), Math.max(0, start - first), Math.min(end - first, PAGE_CELLS));
    }
    for (let at = 0; at < whole.length; at += HEADS_MAX)
      count += await this.#countWhole(whole.slice(at, at + HEADS_MAX));
    return count;
  }

  /** The store knows the counts of whole pages. */
  async #countWhole(pages: readonly number[]): Promise<number> {
    const heads = await this.#instance.store.heads(pages.map((page) => ({ board: this.name, page }))).catch(refuseAway);
    let count = 0;
    for (const [index, page] of pages.entries()) {
      // A page without a head is damaged, or its part of the store did not answer: reading says so.
      count += heads[index]?.checked ?? countBits(await this.bitsOf(page));
    }
    return count;
  }

  /**
   * Resolves after the commit. If it rejects, the Refusal's `rule.outcome` tells whether the write
   * may have happened.
   */
  set(cell: number, value: boolean, options: ForUser = {}): Promise<void> {
    return this.setAll([[cell, value]], options);
  }

  /**
   * Sets up to 4,096 cells of one page, all or nothing. If a cell is named more than once, its last
   * value wins. A larger set is refused with NEEDS_SPLIT, unless `split` allows several such steps,
   * in ascending order. The first step that fails ends the call. If steps were committed before it,
   * they stay, and the error is PARTLY_FROZEN, PARTLY_TAKEN or OUTCOME_UNKNOWN.
   */
  async setAll(
    changes: Iterable<readonly [cell: number, value: boolean]>,
    { split = false, ...user }: ServerSetOptions = {},
  ): Promise<void> {
    const last = new Map<number, Bit>();
    for (const [cell, value] of changes) last.set(cell, value ? 1 : 0);
    const outside = [...last.keys()].filter((cell) => !this.#has(cell));
    if (outside.length > 0) {
      throw new Refusal("CELL_OUT_OF_RANGE", { cells: outside.slice(0, BATCH_CHANGES_MAX), board: this.name });
    }
    const owner = this.#board.claims && (ownerOf(user) ?? APP_OWNER);
    const steps = inSteps(last, BATCH_CHANGES_MAX);
    if (steps.length > 1 && !split) throw new Refusal("NEEDS_SPLIT", { board: this.name });
    for (const [index, step] of steps.entries()) {
      const commit = this.#sessions.run((session, seq) =>
        committed(this.#instance.writer, { board: this.name, session, seq, changes: step, owner }),
      );
      await (index === 0 ? commit : commit.catch(failInPart)).catch((error: unknown) => {
        const { cells = step.map(([cell]) => cell) } = refusalOf(error);
        throw refusalOf(error).about(this.name, cells);
      });
    }
  }

  /**
   * The claims in `range` (default: the whole board), ascending. Claims whose hold has ended are
   * left out.
   */
  claims(range: Partial<Region> = {}): Promise<BoardClaim[]> {
    return listClaims(this.#instance, this.#board, { start: 0, end: this.size, ...range });
  }

  /**
   * Makes these holds last at least `ms` from now. Rejects with TAKEN if one of them has ended, or
   * belongs to another user. Then none is extended.
   */
  extend(cells: Iterable<number>, ms: number, options: ForUser = {}): Promise<void> {
    if (!(Number.isSafeInteger(ms) && ms > 0))
      throw new RangeError(`extend takes a positive whole number of ms, not ${ms}`);
    return this.#act(cells, { kind: "extend", ms }, options);
  }

  /** Makes these holds permanent, for example after payment. Rejects as `extend` does. */
  confirm(cells: Iterable<number>, options: ForUser = {}): Promise<void> {
    return this.#act(cells, { kind: "confirm" }, options);
  }

  /** Unchecks these cells. If a user is named, all of the cells must be theirs or free. */
  release(cells: Iterable<number>, options: ForUser = {}): Promise<void> {
    return this.#act(cells, { kind: "release" }, options);
  }

  /**
   * Reports the cells that were unchecked because their holds ended. Each is reported to one
   * instance of the app, and to none if that instance dies at that moment.
   */
  onExpired(listener: (cells: readonly number[]) => void): () => void {
    const stop = this.#instance.onExpired(({ board, page }, offsets) => {
      if (board !== this.name) return;
      try {
        listener(offsets.map((offset) => cellAt(page, offset)));
      } catch (error) {
        this.#instance.hookFailed("onExpired", error);
      }
    });
    this.#stops.add(stop);
    return () => {
      stop();
      this.#stops.delete(stop);
    };
  }

  #act(cells: Iterable<number>, action: ClaimAction, user: ForUser): Promise<void> {
    return actOnClaims(this.#instance, this.#board, [...cells], action, ownerOf(user));
  }

  /**
   * Reports to `listener` every change that is committed on the board, by any client on any
   * instance. Changes come one at a time, in the order of each page's history. docs/embedding.md
   * states the guarantees.
   */
  onChange(listener: ChangeListener, options: ListenOptions = {}): Listening {
    const range = { start: 0, end: this.size, ...options.range };
    const { start, end } = range;
    this.#checkRange(start, end);
    if (pageOf(end - 1) - pageOf(start) >= LISTENED_PAGES_MAX) {
      throw new RangeError(
        `onChange follows at most ${LISTENED_PAGES_MAX} of the ${pageCount(this.size)} pages: pass a range`,
      );
    }
    const { pages, clock } = this.#instance;
    const queue = new ChangeQueue(listener, {
      board: this.#board,
      range: options.range && range,
      pages,
      clock,
      failed: (hook, error) => this.#instance.hookFailed(hook, error),
      fromEmpty: options.fromEmpty ?? false,
    });
    this.#queues.add(queue);
    return {
      ready: queue.ready,
      stop: () => {
        queue.stop();
        this.#queues.delete(queue);
      },
    };
  }

  /** Called by SocketScaler when the board has another size. */
  resized(): void {
    for (const queue of this.#queues) queue.resized();
  }

  /** Called by SocketScaler when the app ends. Removes all listeners. */
  close(): void {
    for (const queue of this.#queues) queue.stop();
    this.#queues.clear();
    for (const stop of this.#stops) stop();
    this.#stops.clear();
  }

  #has(cell: number): boolean {
    return Number.isSafeInteger(cell) && cell >= 0 && cell < this.size;
  }

  #checkRange(start: number, end: number): void {
    this.#checkCell(start);
    if (!(end > start && end <= this.size))
      throw new RangeError(`not a range of cells of ${this.name}: ${start} … ${end}. Pass start < end <= ${this.size}`);
  }

  #checkCell(cell: number): void {
    if (!this.#has(cell)) throw new Refusal("CELL_OUT_OF_RANGE", { cells: [cell], board: this.name });
  }
}

/** Throws the error for a failed later step, when the steps before it are committed. */
function failInPart(error: unknown): never {
  const partly = error instanceof Refusal ? PARTLY[error.code] : undefined;
  const cells = error instanceof Refusal && partly ? error.cells : undefined;
  throw new Refusal(partly ?? "OUTCOME_UNKNOWN", { cause: error, cells });
}
