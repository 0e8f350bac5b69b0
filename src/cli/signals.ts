/* Waits for the signal to end. A second one ends the process at once, whatever is still to be done. */

import type { Log } from "../server/telemetry/log.js";

/** What the log still has to write to a pipe gets so long, if somebody reads it; if nobody does, it would wait forever. */
const WRITING_MS_MAX = 2_000;

/** Ends the process when nothing is left to do, but for a log that nobody reads. */
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
