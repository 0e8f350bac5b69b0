/*
 * What a person should know to read a run's numbers: what was refused, and which option of the server to raise; whether
 * the generator itself was the limit. A default server refuses a large bench from one address, as it should refuse an
 * attack; that must not look like slowness.
 */

import type { ErrorCode } from "../protocol/errors.js";
import type { BenchResult } from "./result.js";

const RAISE: Partial<Record<ErrorCode, string>> = {
  RATE_LIMITED:
    "the servers' WRITES_PER_SECOND and WRITE_BURST, of which a session has one and an address twenty times as much",
  TOO_MANY_CONNECTIONS: "the servers' CONNECTIONS_PER_ADDRESS or CONNECTS_PER_SECOND, or ramp for longer",
  TOO_MANY_PAGES: "the servers' WATCHED_PAGES, or use fewer --pages",
};
const MEANS: Partial<Record<ErrorCode, string>> = {
  BUSY: "an instance had more work queued than it takes: this is its limit",
  TOO_SLOW: "clients did not read as fast as they were sent to: use more --workers, or this network is too slow",
  STORE_AWAY: "the instances did not reach their store",
  OUTCOME_UNKNOWN: "the store did not answer in time",
  OUTBOX_FULL: "writes were made faster than they were taken: the rate is above what the deployment bears",
};

/** From here on the generator's own delays are in the numbers. */
const BUSY_MAX = 0.85;
const LATE_MS_MAX = 20;

/** One sentence each; none if nothing stood in the way. */
export function adviceOn(result: BenchResult): string[] {
  const { scenario, connected, codes, busy, late, verdict } = result;
  const advice: string[] = [];
  for (const [code, count] of Object.entries(codes) as [ErrorCode, number][]) {
    const raise = RAISE[code];
    advice.push(`${code} was told ${count} times: ${raise ? `raise ${raise}` : (MEANS[code] ?? "see PROTOCOL.md")}.`);
  }
  if (connected < scenario.clients) {
    advice.push(
      `Only ${connected} of ${scenario.clients} clients connected. An address may have CONNECTIONS_PER_ADDRESS sockets on ` +
        "an instance; what is beyond it at TCP is closed without a word.",
    );
  }
  if (verdict.lostWrites > 0 || verdict.mismatchCount > 0) {
    advice.push(
      "Where others write to the board at the same time, what differs may be theirs: give the bench a board of its own.",
    );
  }
  if (busy > BUSY_MAX || (late.p99 ?? 0) > LATE_MS_MAX) {
    advice.push(
      `The generator was busy up to ${(busy * 100).toFixed(0)} % of a second, and ${(late.p99 ?? 0).toFixed(0)} ms late ` +
        "(p99): its own delays are in the latencies. Use more --workers, or another machine.",
    );
  }
  return advice;
}
