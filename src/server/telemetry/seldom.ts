/*
 * Keeps a trouble that comes again and again from filling the log: it is told at once, and then at most once in a while,
 * with how often it came in between.
 *
 * Pure: the time is passed in.
 */

import { keepNewest } from "../../board/keep-newest.js";

const AGAIN_MS = 60_000;
/** More than anybody has kinds of trouble; beyond it the oldest is forgotten. */
const KINDS_MAX = 100;

export class Seldom {
  readonly #kinds = new Map<string, { readonly toldMs: number; since: number }>();

  /** How often it came since it was last told, this time included; undefined if it is not to be told now. */
  take(kind: string, nowMs: number): number | undefined {
    const known = this.#kinds.get(kind);
    if (known && nowMs - known.toldMs < AGAIN_MS) {
      known.since++;
      return undefined;
    }
    this.#kinds.delete(kind);
    this.#kinds.set(kind, { toldMs: nowMs, since: 0 });
    keepNewest(this.#kinds, KINDS_MAX);
    return (known?.since ?? 0) + 1;
  }
}
