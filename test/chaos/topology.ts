/*
 * A topology: the servers behind the instances. What every topology can do is here; what only one can is on its own
 * class, and the faults that need it say which.
 */

import type { Reply } from "../support/resp.js";
import type { ServerProcess } from "../support/valkey-server.js";

export type TopologyName = "standalone" | "cluster";

/** What a fault needs of a server process. */
export type Server = Pick<ServerProcess, "port" | "signal" | "kill"> & { restart(): Promise<void> };

export interface CommonTopology {
  /** The VALKEY_URL of an instance. */
  urlFor(instance: number): string;
  /** Runs a command on the server that holds `page` now. */
  command(page: number, ...args: readonly (string | number)[]): Promise<Reply>;
  /** Runs a command on the server that holds `key` now. */
  commandOn(key: string, ...args: readonly (string | number)[]): Promise<Reply>;
  /** Runs a command on every primary. */
  everywhere(...args: readonly (string | number)[]): Promise<void>;
  /** Where the page's primary runs, and which pages would suffer with it. */
  primaryOf(page: number): Promise<{ server: Server; pages: readonly number[] }>;
  /** Whether a killed primary is replaced by one that may lack what it had acknowledged, instead of coming back. */
  readonly isReplacedWhenKilled: boolean;
  /** Resolves when all is as it was before the fault: every server up, every replica following. */
  untilWhole(): Promise<void>;
  stop(): Promise<void>;
}
