/*
 * The sequence numbers taken from one session: the highest, and a window of those below it. A write
 * may be retried after a later one went through another instance. If only the highest number were
 * known, the retry would be dropped as a duplicate and the write lost.
 *
 *     highest 12, window …0110   taken: 12, 10, 9 · free: 11, 8 and lower ones in the window
 *
 * scripts/commit.lua follows the same rule; the contract tests compare the two.
 */

import type { WriteOutcome } from "./store.js";

/**
 * How far below the highest number the window reaches. A client has at most this many writes in
 * flight.
 */
export const SEQ_WINDOW = 32;

export interface Seen {
  readonly highest: number;
  /** Bit i is set if `highest - 1 - i` was taken. */
  readonly window: number;
}

export const NOTHING_SEEN: Seen = { highest: 0, window: 0 };

export function takeSeq(seen: Seen, seq: number): { readonly outcome: WriteOutcome; readonly seen: Seen } {
  const ahead = seq - seen.highest;
  if (ahead > 0) {
    const shifted = ahead < SEQ_WINDOW ? seen.window << ahead : 0;
    const highestBit = seen.highest > 0 && ahead <= SEQ_WINDOW ? 1 << (ahead - 1) : 0;
    return { outcome: "accepted", seen: { highest: seq, window: (shifted | highestBit) >>> 0 } };
  }
  if (ahead === 0) return { outcome: "duplicate", seen };
  if (-ahead > SEQ_WINDOW) return { outcome: "stale", seen };
  const bit = (1 << (-ahead - 1)) >>> 0;
  if ((seen.window & bit) !== 0) return { outcome: "duplicate", seen };
  return { outcome: "accepted", seen: { highest: seen.highest, window: (seen.window | bit) >>> 0 } };
}
