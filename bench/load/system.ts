/*
 * A measured system, as the harness sees it: a command that starts one of its servers, a client,
 * and a way to read its stored state. The harness treats all systems alike.
 */

import type { ServerProcess } from "../../test/support/valkey-server.js";

export interface BoardClient {
  /** Sends one write and does not wait for an answer. */
  set(cell: number, value: boolean): void;
  /** The value that the client shows. */
  get(cell: number): boolean;
  /** Received so far. */
  readonly received: { readonly frames: number; readonly bytes: number };
  readonly isOpen: boolean;
  /** Changes that the server refused, if the system reports them. */
  readonly refused?: readonly Refused[];
  /** Frames that did not fit the client's position, if the system has positions. */
  readonly gaps?: number;
  close(): void;
}

export interface Refused {
  readonly cell: number;
  readonly code: string;
}

/** Called with each change that reaches a client. */
export type Changed = (cell: number, value: boolean) => void;

export interface System {
  readonly name: string;
  /** A description in one line, for the report. */
  readonly about: string;
  /** Sends a frame for each change. The targets compare with the best of these peers. */
  readonly isPerChange: boolean;
  /** Highest write rate at which this machine can run it with 200 clients; without it, any. */
  readonly rateMax?: number;
  /** Arguments of Node that start a server, which prints its port. */
  readonly args: (valkey: ServerProcess, cells: number) => readonly string[];
  readonly env?: (valkey: ServerProcess, cells: number) => Readonly<Record<string, string>>;
  readonly connect: (url: string, cells: number, changed: Changed) => Promise<BoardClient>;
  /** The store's bits, one value per cell. */
  readonly stored: (valkey: ServerProcess, url: string, cells: number) => Promise<(cell: number) => boolean>;
}
