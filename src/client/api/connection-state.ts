/* The state of a client's connection, as the client knows it. */

import type { ErrorBody } from "../../protocol/refusal.js";

/** The state of a client's connection. */
export interface ConnectionState {
  /** Whether there is a connection. */
  readonly connected: boolean;
  /** The instance's URL, while connected. */
  readonly url: string | undefined;
  /** Number of sockets on that instance, a few seconds out of date. */
  readonly online: number;
  /** Number of sockets on all instances, a few seconds out of date. */
  readonly onlineEverywhere: number;
  /** Whether the instance can reach its store. If not, reads work and writes wait. */
  readonly storeAvailable: boolean;
  /** Number of attempts that failed since the client was last connected. */
  readonly failedAttempts: number;
  /**
   * If not connected: why the last connection was closed or the last attempt failed. After 5 s:
   * what the present attempt waits for. If connected: why the token grants no rights, or why a
   * board cannot be opened yet. Undefined if nothing is known to be wrong.
   */
  readonly reason: ErrorBody | undefined;
}

/** Before the first attempt, and if there is no client. */
export const NOT_CONNECTED: ConnectionState = {
  connected: false,
  url: undefined,
  online: 0,
  onlineEverywhere: 0,
  storeAvailable: true,
  failedAttempts: 0,
  reason: undefined,
};
