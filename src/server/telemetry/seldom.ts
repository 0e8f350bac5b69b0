/*
 * Keeps a recurring problem from filling the log: it is logged immediately, then at intervals with
 * a count. Pure: the time is passed in.
 */

import { keepNewest } from "../../board/keep-newest.js";

const AGAIN_MS = 60_000;
/** More kinds of problem than any instance has. Beyond this, the oldest is forgotten. */
const KINDS_MAX = 100;

export class Seldom {
  readonly #kinds = new Map<string, { readonly loggedMs: number; since: number }>();

  /**
   * Occurrences since the last log line, including this one. Undefined if it should not be logged
   * now.
   */
  take(kind: string, nowMs: number): number | undefined {
    const known = this.#kinds.get(kind);
    if (known && nowMs - known.loggedMs < AGAIN_MS) {
      known.since++;
      return undefined;
    }
    this.#kinds.delete(kind);
    this.#kinds.set(kind, { loggedMs: nowMs, since: 0 });
    keepNewest(this.#kinds, KINDS_MAX);
    return (known?.since ?? 0) + 1;
  }
}
