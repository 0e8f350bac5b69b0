/*
 * The public interfaces of the library. This file has a board as a program sees it. Types only:
 * live-board.ts is the implementation.
 */

/// <reference lib="esnext.disposable" preserve="true" />

import type { SetAllOptions } from "../../board/steps.js";
import type { OpenResult } from "../../protocol/events.js";
import type { ErrorCode, Refusal } from "../../protocol/refusal.js";

/** Each right includes the ones before it: to view, to write, to act as admin. */
export type Right = OpenResult["right"];

/** Cells `start` … `end - 1`. */
export interface CellRange {
  /** The first cell. */
  readonly start: number;
  /** The cell after the last one. */
  readonly end: number;
}

/** If the signal is aborted, the call is abandoned and rejects with the signal's reason. */
export interface Abortable {
  /** Aborts the call. */
  readonly signal?: AbortSignal | undefined;
}

/** How a range is watched. */
export interface WatchOptions extends Abortable {
  /**
   * `false`: `change` does not report the cells that are already checked when a page is loaded, or
   * loaded again after `size` has changed. Another watch of them may. Read them with `bitsOf`.
   * Default: true.
   */
  readonly initial?: boolean | undefined;
}

/** Cells or counts that are kept up to date. */
export interface Watch extends Disposable {
  /**
   * Resolves once the watched cells have loaded. Rejects with a Refusal, or with the reason of the
   * signal.
   */
  readonly ready: Promise<void>;
  /** Ends the watch. Same as `[Symbol.dispose]`. */
  stop(): void;
}

/** A cell whose shown value has changed. */
export interface CellChange {
  /** The cell, from 0 to `size - 1`. */
  readonly cell: number;
  /** Whether it is checked now. */
  readonly value: boolean;
  /** Set by this client, or reset because the change was refused. */
  readonly mine: boolean;
}

/** A change that the server or the library refused. */
export interface RefusedChange {
  /** The cell, from 0 to `size - 1`. */
  readonly cell: number;
  /** The value that was refused. */
  readonly value: boolean;
  /** Why it was refused. */
  readonly code: ErrorCode;
  /** A sentence for users. */
  readonly message: string;
}

/**
 * connecting  not connected yet, or reconnecting
 * joining     connected; watched pages are loading
 * live        every watched page is up to date
 * closed      will not connect again
 */
export type BoardStatus = "connecting" | "joining" | "live" | "closed";

/** Events of a board, and their listeners. */
export interface BoardEvents {
  /** The shown values of watched cells, or of cells that this client set, have changed. */
  change: (changes: readonly CellChange[]) => void;
  /** `board.status` has changed. */
  status: (status: BoardStatus) => void;
  /** `board.size` has changed. */
  size: (size: number) => void;
  /** `board.right` has changed. */
  right: (right: Right) => void;
  /** The frozen cells of these watched pages have changed: see `board.isFrozen`. */
  frozen: (pages: readonly number[]) => void;
  /** `board.mine` has changed, or the user's cells of a page have become known. */
  mine: () => void;
  /** `board.people` has changed. */
  people: () => void;
  /** A change was refused. A `change` event has already reset the cell. */
  refused: (refused: RefusedChange) => void;
  /** The server asks for a slower pace, or is unavailable. The changes will be sent again. */
  delayed: (delay: { readonly code: ErrorCode; readonly retryAfterMs: number; readonly waiting: number }) => void;
  /**
   * The counts of these pages have changed. If the list is empty, only the numbers of people
   * changed. Emitted about twice a second at most. `isMissed` marks the first counts of a
   * connection: they include changes from before it.
   */
  overview: (changedPages: readonly number[], isMissed: boolean) => void;
  /** Milliseconds from sending a write to its acknowledgement. */
  roundTrip: (ms: number) => void;
}

/** The counts of a board. Live: its answers change as frames arrive. */
export interface Overview {
  /** Number of pages of the board. */
  readonly pages: number;
  /** Number of checked cells on the whole board. */
  readonly total: number;
  /** Number of sockets on all instances, a few seconds out of date. */
  readonly onlineEverywhere: number;
  /** Number of checked cells on a page. */
  count(page: number): number;
  /** Connections that watch a page, on all instances; 0 for all but the most watched pages. */
  watchers(page: number): number;
}

/** One board of a client. Cells are numbered from 0 to `size - 1`; a page is 65,536 of them. */
export interface Board extends Disposable {
  /** Name of the board. */
  readonly name: string;
  /** Resolves when `size` is known. Rejects with a Refusal once the board is closed. */
  readonly ready: Promise<void>;
  /** Like `ready`, but rejects with the signal's reason if the signal is aborted first. */
  whenReady(options?: Abortable): Promise<void>;
  /** Number of cells; 0 until `ready`. May change later: see the event `size`. */
  readonly size: number;
  /** Number of pages; 0 until `ready`. */
  readonly pages: number;
  /** The progress of the connection and the watched pages. */
  readonly status: BoardStatus;
  /** The last right that the server granted, or "view" once the token has expired. */
  readonly right: Right | undefined;
  /** The last limits that the server reported. */
  readonly limits: OpenResult["limits"] | undefined;
  /** On a board with claims: how long one lasts in ms, 0 for no end. Undefined on other boards. */
  readonly claims: OpenResult["claims"];
  /**
   * The user's own cells on the watched pages of a board with claims. Each has the time when its
   * hold ends, in ms since 1970, or undefined if it has no end. Live: it changes as news arrives.
   */
  readonly mine: ReadonlyMap<number, number | undefined>;
  /**
   * Whether somebody else has the cell, on a board with claims. Known only for watched pages, once
   * the server has reported which cells are the user's.
   */
  isTaken(cell: number): boolean;
  /** Why the board was closed, if it was. A closed board never opens again. */
  readonly failure: Refusal | undefined;
  /** Name of the instance that this client is, or was last, connected to. */
  readonly instance: string | undefined;
  /**
   * Number of connections that have the board open, on all instances, a few seconds out of
   * date. Undefined until `ready`, and if the instance is too old to report it.
   */
  readonly people: number | undefined;
  /** Number of changes that are not acknowledged yet. */
  readonly pending: number;
  /** Number of checked cells on the watched pages, without pending changes. */
  readonly checked: number;
  /** Whether the cell is checked; undefined if it is not watched or not loaded yet. */
  get(cell: number): boolean | undefined;
  /** A copy of a page's bits as `get` reports them: cell 0 is the highest bit of byte 0. */
  bitsOf(page: number): Uint8Array | undefined;
  /** Number of cells on a page; undefined if the board has no such page. */
  cellsOf(page: number): number | undefined;
  /**
   * Number of cells of the range, up to the end of the board, for which `get` is true. Undefined if
   * some of them are not watched or not loaded yet.
   */
  count(range: CellRange): number | undefined;
  /** Whether `get` shows a change by this client whose delta has not arrived yet. */
  isPending(cell: number): boolean;
  /** Whether the cell is frozen. Known only for watched pages, a few seconds late. */
  isFrozen(cell: number): boolean;
  /** The frozen cells of a watched page, ascending. */
  frozenOf(page: number): readonly CellRange[];
  /**
   * Sets a cell and shows it immediately. Resolves when the store has committed the change. If the
   * change is refused, rejects with a Refusal and resets the cell. Being offline or too fast only
   * delays a change.
   *
   * If the signal is aborted, a change that has not been sent is withdrawn, and the cell is reset.
   * A change that is on its way may still take effect. With a signal, the change is a write of
   * its own.
   */
  set(cell: number, value: boolean, options?: Abortable): Promise<void>;
  /**
   * Sets many cells of one page, all or nothing. If a cell is named twice, the last value counts.
   * Several pages, or more than `limits.writeCellsMax` cells, are refused with NEEDS_SPLIT. With
   * `split` they are set in several such steps. The promise then rejects if any step is refused,
   * but the other steps still take effect. A signal withdraws the steps that have not been sent.
   */
  setAll(
    changes: Iterable<readonly [cell: number, value: boolean]>,
    options?: SetAllOptions & Abortable,
  ): Promise<void>;
  /**
   * Keeps the range up to date until the watch is stopped or the signal is aborted. The range may
   * end beyond the board, which may grow. `get` may also know other cells of the same pages, but
   * their changes are not reported.
   */
  watch(range: CellRange, options?: WatchOptions): Watch;
  /** The counts of all pages; undefined until a `watchOverview` is ready. */
  readonly overview: Overview | undefined;
  /** Keeps `overview` up to date until stopped: a few hundred bytes a second for 10^9 cells. */
  watchOverview(options?: Abortable): Watch;
  /** Calls `listener` until the returned function is called. */
  on<Name extends keyof BoardEvents>(name: Name, listener: BoardEvents[Name]): () => void;
  /** Stops everything; pending changes are refused with CLOSED. Same as `[Symbol.dispose]`. */
  close(): void;
}
