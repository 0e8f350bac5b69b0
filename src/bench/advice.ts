/*
 * Advice for reading a run's numbers: which option of the server to raise after refusals, and
 * whether the generator was the limit. A default server refuses a large bench from one address, as
 * it should refuse an attack. That must not look like slowness.
 */

import { countOf } from "../protocol/count.js";
import type { ErrorCode } from "../protocol/refusal.js";
import type { BenchResult } from "./result.js";

const ADVICE: Partial<Record<ErrorCode, string>> = {
  RATE_LIMITED:
    "Raise the instances' WRITES_PER_SECOND and WRITE_BURST. These limits apply to a session; an address may write twenty times as much.",
  TOO_MANY_CONNECTIONS: "Raise the instances' CONNECTIONS_PER_ADDRESS or CONNECTS_PER_SECOND, or use a longer --ramp.",
  TOO_MANY_PAGES: "Raise the instances' WATCHED_PAGES, or use fewer --pages.",
  BUSY: "An instance had too much work queued: this is its limit. Use a lower --rate, or add instances.",
  TOO_SLOW: "Clients did not read fast enough. Use more --workers, or a faster network.",
  STORE_AWAY: "The instances could not reach their store. Check the store with doctor, then run the bench again.",
  OUTCOME_UNKNOWN: "The store did not answer in time. Check the store with doctor, or use a lower --rate.",
  OUTBOX_FULL: "The bench wrote faster than the deployment accepts writes. Use a lower --rate.",
};

/** Above this, the generator's own delays affect the numbers. */
const BUSY_MAX = 0.85;
const LATE_MS_MAX = 20;

export function adviceOn(result: BenchResult): string[] {
  const { scenario, connected, codes, busy, late, verdict, usages, seconds } = result;
  const wanted = scenario.clients + scenario.viewers;
  const advice: string[] = [];
  for (const [code, count] of Object.entries(codes) as [ErrorCode, number][]) {
    advice.push(`Clients reported ${code} ${countOf(count, "time")}. ${ADVICE[code] ?? "PROTOCOL.md explains it."}`);
  }
  if (connected < wanted) {
    advice.push(
      `Only ${connected} of ${wanted} clients connected in time. Each instance accepts at most CONNECTIONS_PER_ADDRESS sockets from one address. ` +
        "One address may use at most half of the files that the instance's `ulimit -n` allows. After a burst of CONNECTIONS_PER_ADDRESS sockets, the instance accepts CONNECTS_PER_SECOND new ones per second. " +
        "Raise these limits on the instances, or use a longer --ramp.",
    );
  }
  // Also those of the ramp.
  const refused = seconds.reduce((sum, { counts }) => sum + counts.refusedRequests, 0);
  if (refused > 0) {
    advice.push(
      `The instances refused ${countOf(refused, "request")} from viewers, because there were too many. ` +
        "Raise HTTP_PER_MINUTE and CONNECTIONS_PER_ADDRESS on the instances, or list the cache in TRUSTED_CACHES.",
    );
  }
  if (verdict.onSockets > 0) {
    advice.push(
      `${countOf(verdict.onSockets, "viewer")} of ${scenario.viewers} switched to a socket, because the feed was refused or slow. ` +
        "Check that everyone may view the board, and that a cache in front waits at least 30 s for an answer.",
    );
  }
  for (const usage of usages) {
    if ("problem" in usage && scenario.viewers > 0)
      advice.push(`The CPU time of ${usage.url} is unknown. ${usage.problem}.`);
  }
  if (verdict.lostWrites > 0 || verdict.mismatchCount > 0) {
    advice.push(
      "If others write to the board during the run, the differences may be theirs. Give the bench a board of its own.",
    );
  }
  if (busy > BUSY_MAX || (late.p99 ?? 0) > LATE_MS_MAX) {
    advice.push(
      `The generator was up to ${(busy * 100).toFixed(0)} % busy, and p99 of its delays was ${(late.p99 ?? 0).toFixed(0)} ms. ` +
        "These delays are part of the latencies. Use more --workers, or another machine.",
    );
  }
  return advice;
}
