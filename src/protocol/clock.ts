/*
 * Time and chance, passed in: a simulation brings its own of both. Here, because it is the highest layer that the two
 * sides of the wire share; the real clocks are theirs, as this layer knows neither Node nor DOM.
 */

export type Cancel = () => void;

export interface Clock {
  /** Milliseconds from some fixed moment; never runs backwards. */
  now(): number;
  after(ms: number, run: () => void): Cancel;
  /** 0 ≤ x < 1. */
  random(): number;
}

export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((done) => clock.after(ms, done));
}

/** Exponential back-off with jitter: half to all of `first * 2^attempt`, at most `most`. */
export function backOffMs(clock: Clock, attempt: number, first: number, most: number): number {
  return Math.min(most, first * 2 ** Math.min(attempt, 20)) * (0.5 + clock.random() / 2);
}
