/*
 * A line: one connection to one of several instances at a time, as the boards above it see it. connection.ts is the real
 * one; a simulation brings its own.
 */

import type { Refusal } from "../protocol/errors.js";
import type { Frozen, Looking, Notice, RequestMap, RequestName } from "../protocol/events.js";

/** The connection went away before the answer came. */
export class ConnectionLost extends Error {
  constructor() {
    super("the connection was lost before the answer came");
    this.name = "ConnectionLost";
  }
}

/** Told everything in the order in which the instance sent it, and nothing of an earlier connection. */
export interface LineListener {
  up(url: string): void;
  /** The connection was lost, or an attempt to have one failed; also again and again. */
  down(reason: Refusal | undefined): void;
  /** No connection will come any more. */
  refused(reason: Refusal): void;
  delta(frame: string): void;
  snapshot(frame: Uint8Array): void;
  overview(frame: Uint8Array): void;
  counts(frame: string): void;
  looking(looking: Looking): void;
  frozen(frozen: Frozen): void;
  notice(notice: Notice): void;
}

export interface Line {
  readonly isUp: boolean;
  /** Rejects with a Refusal, or with ConnectionLost if no answer will come on this connection. */
  request<Name extends RequestName>(name: Name, request: RequestMap[Name][0]): Promise<RequestMap[Name][1]>;
  /** Requests succeed: the next loss starts with short pauses. */
  settled(): void;
  /**
   * What was said of the token: when another is to be had, a new connection is made with it, at a slow pace. False if nothing
   * else could be said.
   */
  renew(problem: Refusal): boolean;
  /** Drops the present connection and takes the next. */
  reconnect(): void;
  close(): void;
}
