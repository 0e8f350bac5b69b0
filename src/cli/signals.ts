/* Waits for the signal to end. A second one ends the process at once, whatever is still to be done. */

import type { Log } from "../server/log.js";

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
