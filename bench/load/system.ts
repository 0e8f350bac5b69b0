/*
 * What every measured system is to the harness: a command that starts one of its servers, a client, and where its truth
 * lies. The harness does the same with all of them.
 */

import type { ServerProcess } from "../../test/support/valkey-server.js";

export interface BoardClient {
  /** Sends one write; what the system answers, if it does, is not waited for. */
  set(cell: number, value: boolean): void;
  /** What the client shows. */
  get(cell: number): boolean;
  /** Received so far. */
  readonly received: { readonly frames: number; readonly bytes: number };
  readonly isOpen: boolean;
  /** Changes that the server refused; only of systems that tell. */
  readonly refused?: readonly Refused[];
  /** Frames that did not fit what the client had; only of systems that can tell. */
  readonly gaps?: number;
  close(): void;
}

export interface Refused {
  readonly cell: number;
  readonly code: string;
}

/** Told of each change that reaches a client. */
export type Changed = (cell: number, value: boolean) => void;

export interface System {
  readonly name: string;
  /** In one line, for the report. */
  readonly about: string;
  /** Sends a frame for each change, as peers do that the targets are set against. */
  readonly isPerChange: boolean;
  /** Writes a second up to which the harness can run 200 of its clients; without it, any. */
  readonly rateMax?: number;
  /** Arguments of Node that start a server, which prints its port. */
  readonly args: (valkey: ServerProcess, cells: number) => readonly string[];
  readonly env?: (valkey: ServerProcess, cells: number) => Readonly<Record<string, string>>;
  readonly connect: (url: string, cells: number, changed: Changed) => Promise<BoardClient>;
  /** The store's bits, one value a cell. */
  readonly stored: (valkey: ServerProcess, url: string, cells: number) => Promise<(cell: number) => boolean>;
}
