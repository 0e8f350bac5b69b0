/* Times in which a client's board is not live. */

import type { Board } from "../../../src/client/index.js";

export interface Gaps {
  longestMs: number;
  count: number;
}

export function watchGaps(board: Board): Gaps {
  const gaps: Gaps = { longestMs: 0, count: 0 };
  let sinceMs: number | undefined;
  board.on("status", (status) => {
    if (status !== "live") sinceMs ??= performance.now();
    else if (sinceMs !== undefined) {
      gaps.longestMs = Math.max(gaps.longestMs, performance.now() - sinceMs);
      gaps.count++;
      sinceMs = undefined;
    }
  });
  return gaps;
}
