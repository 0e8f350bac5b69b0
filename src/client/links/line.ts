/*
 * A line is one connection at a time to one of several instances, as the boards see it.
 * connection.ts is the real one. Tests and the simulation bring their own.
 */

import type { Delta } from "../../board/delta.js";
import type { Framed } from "../../protocol/codec.js";
import type { BoardResized, Frozen, Looking, Mine, Notice, RequestMap, RequestName } from "../../protocol/events.js";
import type { Refusal } from "../../protocol/refusal.js";

/** Undefined if the connection was lost before the answer arrived. */
export type Outcome<Result> = Result | Refusal | undefined;

/** Messages that the instance sends unasked. Handlers are called without `this`. */
export interface Incoming {
  /** Undefined if it could not be read. */
  readonly delta: (delta: Framed<Delta> | undefined) => void;
  readonly snapshot: (frame: Uint8Array) => void;
  readonly overview: (frame: Uint8Array) => void;
  readonly counts: (frame: Uint8Array) => void;
  readonly looking: (looking: Looking) => void;
  readonly frozen: (frozen: Frozen) => void;
  readonly resized: (resized: BoardResized) => void;
  readonly mine: (mine: Mine) => void;
  readonly notice: (notice: Notice) => void;
  /** A delta or snapshot came in: its size with the header. For measurements. */
  readonly received?: (bytes: number) => void;
}

/** Called in the order in which the instance sends, and never for an earlier connection. */
export interface LineListener extends Incoming {
  /** Requests may be sent. With protocol 2 the instance may still refuse the client. */
  opened(): void;
  up(url: string): void;
  /** The connection was lost, or an attempt failed. May be called several times in a row. */
  down(reason: Refusal | undefined): void;
  /** An attempt takes long. It continues. */
  waiting(reason: Refusal): void;
  /** No further connection will be attempted. */
  refused(reason: Refusal): void;
}

export interface Line {
  /** Of the present connection. From 2 on, a request may be sent before the last is answered. */
  readonly protocol: number;
  /** Requests may be sent. */
  readonly isUp: boolean;
  /**
   * Calls `settle` once: with the result, with a Refusal, or with nothing if no answer will arrive
   * on this connection. Frames that follow the answer are delivered after that.
   */
  request<Name extends RequestName>(
    name: Name,
    request: RequestMap[Name][0],
    settle: (outcome: Outcome<RequestMap[Name][1]>) => void,
  ): void;
  /** Requests succeed: the pauses after the next loss start short again. */
  settled(): void;
  /** Reconnects with another token, at a slow pace. False if the app provides no tokens. */
  renew(problem: Refusal): boolean;
  /** Drops the current connection and makes the next. */
  reconnect(): void;
  close(): void;
}
