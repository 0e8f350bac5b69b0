/*
 * Waits for a signal that asks the process to end. A second signal ends the process immediately,
 * even with work left.
 */

import type { Log } from "../server/telemetry/log.js";

/** For the last lines of the log. A pipe that nobody reads would block forever. */
const WRITING_MS_MAX = 2_000;

/** Ends the process after WRITING_MS_MAX, if it has not ended by itself. */
export function endSoon(): void {
  setTimeout(() => process.exit(), WRITING_MS_MAX).unref();
}

export function untilSignal(log: Log): Promise<void> {
  return new Promise((done) => {
    let count = 0;
    const onSignal = (signal: NodeJS.Signals) => {
      count++;
      if (count > 1) process.exit(1);
      log.info({ signal }, "closing");
      done();
    };
    process.on("SIGINT", onSignal);
    process.on("SIGTERM", onSignal);
  });
}
