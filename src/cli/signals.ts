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

/** For a program that ends with its terminal. */
export const WITH_TERMINAL: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM", "SIGHUP"];

export function untilSignal(log: Log, signals: readonly NodeJS.Signals[] = ["SIGINT", "SIGTERM"]): Promise<void> {
  return new Promise((done) => {
    let count = 0;
    const onSignal = (signal: NodeJS.Signals) => {
      count++;
      // A terminal that closes may send SIGHUP twice, so a second one is no order to hurry.
      if (count > 1 && signal !== "SIGHUP") process.exit(1);
      log.info({ signal }, "closing");
      done();
    };
    for (const signal of signals) process.on(signal, onSignal);
  });
}
