/*
 * A line is one connection at a time to one of several instances, as the boards see it.
 * connection.ts is the real one. Tests and the simulation bring their own.
 */

import type { Refusal } from "../protocol/errors.js";
import type { RequestMap, RequestName, ServerToClient } from "../protocol/events.js";

export class ConnectionLost extends Error {
  constructor() {
    super("The connection was lost before the answer arrived.");
    this.name = "ConnectionLost";
  }
}

/** Called in the order in which the instance sends, and never for an earlier connection. */
export interface LineListener extends ServerToClient {
  up(url: string): void;
  /** The connection was lost, or an attempt failed. May be called several times in a row. */
  down(reason: Refusal | undefined): void;
  /** No further connection will be attempted. */
  refused(reason: Refusal): void;
}

export interface Line {
  readonly isUp: boolean;
  /** Rejects with a Refusal, or with ConnectionLost if no answer will arrive on this connection. */
  request<Name extends RequestName>(name: Name, request: RequestMap[Name][0]): Promise<RequestMap[Name][1]>;
  /** Requests succeed, so the pauses after the next loss start short again. */
  settled(): void;
  /** Reconnects with another token, at a slow pace. False if the app provides no tokens. */
  renew(problem: Refusal): boolean;
  /** Drops the current connection and makes the next. */
  reconnect(): void;
  close(): void;
}
