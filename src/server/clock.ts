/* The clock of a running server, and what every part that waits needs with it. */

import type { Clock } from "../protocol/clock.js";

export { backOffMs, type Cancel, type Clock, pause } from "../protocol/clock.js";

export const realClock: Clock = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};
