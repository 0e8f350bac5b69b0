/*
 * Clients in a process of their own, so that how long each is without service is not queued behind a crowd's work. Told
 * `report`, it says the longest time that each was not live.
 *
 *     drain-probe.ts COUNT URL…
 */

import { watchBoard } from "../test/support/clients.js";

const [, , count = "", ...urls] = process.argv;
const clients = await Promise.all(Array.from({ length: Number(count) }, () => watchBoard(urls)));
const longestMs = clients.map(() => 0);
for (const [index, { board }] of clients.entries()) {
  let sinceMs: number | undefined;
  board.on("status", (status) => {
    if (status !== "live") sinceMs ??= performance.now();
    else if (sinceMs !== undefined) {
      longestMs[index] = Math.max(longestMs[index] ?? 0, performance.now() - sinceMs);
      sinceMs = undefined;
    }
  });
}
process.on("message", () => process.send?.({ longestMs }));
process.on("disconnect", () => process.exit());
process.send?.({ ready: true });
