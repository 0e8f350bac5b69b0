/*
 * How the judge speaks to a board. An adapter translates between the judge and one protocol. It
 * only carries: it reads the board, opens clients, and reports what they receive. docs/judge.md
 * shows how to write one, and examples/judge has two.
 *
 *     judge ── read, open, set ──► adapter ── the board's own messages ──► server
 *     judge ◄── change, board, lost ── adapter ◄──────────────────────────
 */

import { BadAdapter } from "./errors.js";
import { plainText } from "./plain-text.js";

/** Given to an adapter for one client or one reading. */
export interface Visit {
  /** Without a slash at the end. */
  readonly url: string;
  /** Aborted when the judge no longer waits. */
  readonly signal: AbortSignal;
  /**
   * Reads JSON from `path` below the URL. Bounded in time and size. Rejects with a `BadAnswer`,
   * which has the `status`.
   */
  readonly get: (path: string) => Promise<unknown>;
  /**
   * Optional: if a client prepares its connection first, it awaits this right before it joins the
   * board. The judge then lets several clients join at the worst moment.
   */
  readonly turn: () => Promise<void>;
}

/** The screen of one client. Values are checked, so an adapter may pass on what it receives. */
export interface ScreenInput {
  /** True if the client was here before and its screen still shows what it had then. */
  readonly isReturning: boolean;
  /** A box has changed. */
  change(index: unknown, value: unknown): void;
  /** Replaces the whole screen. */
  board(cells: unknown): void;
  /** The same with a board that is on its way. Changes that arrive meanwhile come after it. */
  load(reading: Promise<unknown>): Promise<void>;
  /** The connection has ended. */
  lost(reason: string): void;
}

export interface OpenClient {
  /**
   * Checks or unchecks a box. Resolves with true if the server acknowledged it, and with false if
   * the server refused it. If the protocol has no answers, `set` returns nothing.
   */
  set(index: number, value: boolean): Promise<boolean> | undefined;
  /** Leaves as a closed tab does. */
  close(): void;
  /** Optional: ends the connection without a goodbye, as a lost network does. */
  cut?(): void;
  /** Optional: sends `content` as the content of a click. With `--hostile`, it is not a click. */
  sendRaw?(content: unknown): void;
}

export interface Adapter {
  readonly name: string;
  /** Reads the whole board as a new visitor does: a list of true and false, or of 1 and 0. */
  read(visit: Visit): Promise<unknown>;
  /** Resolves when the client shows the board and receives changes. */
  open(visit: Visit, screen: ScreenInput): Promise<OpenClient>;
}

/** `loaded` is the module of an adapter file. */
export function readAdapter(loaded: unknown, file: string): Adapter {
  const found = fieldOf(loaded, "default");
  const missing = ["read", "open"].filter((name) => typeof fieldOf(found, name) !== "function");
  if (missing.length > 0) {
    throw new BadAdapter(
      `${file} is not an adapter: its default export needs the function ${missing.join(" and the function ")} (see docs/judge.md)`,
    );
  }
  const name = fieldOf(found, "name");
  return { ...(found as Adapter), name: plainText(typeof name === "string" && name !== "" ? name : file) };
}

export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}
