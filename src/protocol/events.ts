/*
 * The complete /boards protocol. PROTOCOL.md explains it.
 *
 * Requests go from client to server, and each is acknowledged with its result or `{error}`. Events
 * go from server to client. A connection preserves their order.
 *
 *     client                                     server
 *       open {board, protocol}           ->
 *                                        <-        {handle, size, pages, limits, …}
 *       watch {handle, pages}            ->        joins the hub of each page
 *                                        <-        snapshot or delta, from that position to now
 *                                        <-        {watching}
 *                                        <-        delta, delta, …
 *       overview {handle, watch: true}   ->
 *                                        <-        overview: the checked cells of each page
 *                                        <-        {watching}
 *                                        <-        counts, counts, …
 *       write {handle, session, seq, …}  ->        admission, writer, store
 *                                        <-        {at}, and the delta, as to every client
 */

import type { Bit } from "../board/bitmap.js";
import type { ErrorBody } from "./errors.js";

interface OpenRequest {
  readonly board: string;
  readonly protocol: number;
  /** Whether the client understands `resized`. If not, it is asked to reconnect after a resize. */
  readonly resizes?: boolean;
  /** As in WriteRequest. Protocol 2 states it here, and not with each write. */
  readonly session?: string;
}

export interface OpenResult {
  /** Identifies the board in frames and requests on this connection. */
  readonly handle: number;
  readonly name: string;
  readonly size: number;
  readonly pages: number;
  /** The rights of this connection on the board, until its token expires. */
  readonly right: "view" | "write" | "admin";
  /** Why the token was not accepted. `right` is then the one without a token. */
  readonly problem?: ErrorBody;
  /** Name of the answering instance. */
  readonly instance: string;
  /** Number of sockets on that instance. */
  readonly online: number;
  /** Number of sockets on all instances of the store, a few seconds old. */
  readonly onlineEverywhere: number;
  /**
   * Number of sockets that have the board open, on all instances; a few seconds old. Older
   * instances do not report it.
   */
  readonly people?: number;
  /** Whether the instance can reach its store. */
  readonly storeAvailable: boolean;
  /** Present if the board has claims. `ms` is how long one lasts, 0 for no end. */
  readonly claims?: { readonly ms: number; readonly isLease: boolean };
  readonly limits: {
    /** Most cells in one write. */
    readonly writeCellsMax: number;
    /** Most unacknowledged writes of one session, counted from the oldest. */
    readonly writesInFlightMax: number;
    /** Most pages that one connection may watch. */
    readonly watchedPagesMax: number;
    /** Most pages in one watch request. */
    readonly watchPagesMax: number;
  };
}

interface WatchRequest {
  readonly handle: number;
  readonly pages: WatchedPages;
}

/** Sent right after `open`, before its answer. Pages that the board does not have are left out. */
interface EarlyWatchRequest {
  readonly board: string;
  readonly pages: WatchedPages;
}

/** Page numbers, each alone or with the position that the client holds (see `formatPosition`). */
type WatchedPages = readonly (number | readonly [page: number, position: string])[];

export interface WatchResult {
  /** The number of pages that this connection now watches on the board. */
  readonly watching: number;
}

interface UnwatchRequest {
  readonly handle: number;
  readonly pages: readonly number[];
}

export interface WriteRequest {
  readonly handle: number;
  /** 22 characters of base64url, drawn at random by the client for this board, and kept secret. */
  readonly session: string;
  /** 1, 2, 3 …; reusing a number repeats the same write. */
  readonly seq: number;
  /** In the order they were made; the last change to a cell wins. */
  readonly changes: readonly (readonly [cell: number, value: Bit])[];
}

export interface WriteResult {
  /** For each page written: a version of the page that includes the write. */
  readonly at: readonly (readonly [page: number, version: number])[];
}

interface OverviewRequest {
  readonly handle: number;
  /** Whether the server should send the overview from now on. */
  readonly watch: boolean;
}

export interface OverviewResult {
  /** Whether this connection now watches the board's overview. */
  readonly watching: boolean;
}

export interface RequestMap {
  open: [OpenRequest, OpenResult];
  watch: [WatchRequest | EarlyWatchRequest, WatchResult];
  unwatch: [UnwatchRequest, WatchResult];
  write: [WriteRequest, WriteResult];
  overview: [OverviewRequest, OverviewResult];
}

export type RequestName = keyof RequestMap;
export type Reply<Result> = Result | { readonly error: ErrorBody };

export type ClientToServer = {
  [Name in RequestName]: (request: RequestMap[Name][0], ack: (reply: Reply<RequestMap[Name][1]>) => void) => void;
};

export type Notice =
  /**
   * The number of sockets on this instance, and on all instances of the store. Sent at most once a
   * second, and less often the larger it is.
   */
  | { readonly kind: "online"; readonly online: number; readonly onlineEverywhere: number }
  /** The number of sockets with the board open, on all instances. Sent as often as `online`. */
  | { readonly kind: "people"; readonly handle: number; readonly people: number }
  /**
   * Whether the instance can reach its store. If not, reads work, and writes wait or are refused.
   */
  | { readonly kind: "store"; readonly available: boolean }
  /** A request could not be answered: it has no acknowledgement callback, or an unknown name. */
  | { readonly kind: "error"; readonly error: ErrorBody }
  /** Why the server is about to close this connection. */
  | { readonly kind: "goodbye"; readonly error: ErrorBody };

/**
 * The pages of a board with the most watchers, counted over all instances. Other pages are not
 * reported.
 */
export interface Looking {
  readonly handle: number;
  readonly pages: readonly (readonly [page: number, watchers: number])[];
}

/** All frozen cells of a watched page, as cells of the board. Nobody may change them. */
export interface Frozen {
  readonly handle: number;
  readonly page: number;
  /** Ranges `start` … `end - 1`, ascending; empty if nothing is frozen. */
  readonly cells: readonly (readonly [start: number, end: number])[];
}

/** An open board has another size now. Frames that were sent before fit the old one. */
export interface BoardResized {
  readonly handle: number;
  /** Number of cells; 0 if the board was removed. */
  readonly size: number;
}

/** Cells of a watched page that belong to this client's user, on a board with claims. */
export interface Mine {
  readonly handle: number;
  readonly page: number;
  /** The version of the page that this describes. */
  readonly version: number;
  /** Each cell, and the time until its hold ends in ms, or null if it has no end. */
  readonly cells: readonly (readonly [cell: number, leftMs: number | null])[];
  /** Cells that are no longer the user's. Absent if `cells` lists all of theirs on the page. */
  readonly gone?: readonly number[];
}

/** The event `checkbox-update` of the teaching protocol, in both directions. */
export interface CheckboxUpdate {
  readonly index: number;
  readonly value: boolean;
}

export interface ServerToClient {
  /**
   * A delta frame as base64url, because a text event takes one WebSocket frame and a binary event
   * two.
   */
  delta: (frame: string) => void;
  /** A snapshot frame. */
  snapshot: (frame: Uint8Array) => void;
  /** The counts of all pages. */
  overview: (frame: Uint8Array) => void;
  /** The counts of the pages that changed, as base64url. */
  counts: (frame: string) => void;
  /** Sent to clients that watch the overview, at most every few seconds. */
  looking: (looking: Looking) => void;
  /** Sent when a client joins a page with frozen cells, and within seconds of a change to them. */
  frozen: (frozen: Frozen) => void;
  /** Pages that have another number of cells now are no longer watched. */
  resized: (resized: BoardResized) => void;
  /** Sent when a client joins a page of a board with claims, and at each change. */
  mine: (mine: Mine) => void;
  notice: (notice: Notice) => void;
}
