/* The clock of a running client, in a browser or in Node. */

import type { Clock } from "../protocol/clock.js";

export const realClock: Clock = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};
