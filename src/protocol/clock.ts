/*
 * Time and randomness. Every part that waits or needs a random number takes a Clock, so that a
 * simulation can supply its own. It lives here because protocol is the highest layer that both
 * sides of the wire share.
 */

// Browsers and Node both have these three, but this layer has the types of neither.
declare const performance: { now(): number };
declare function setTimeout(run: () => void, ms: number): unknown;
declare function clearTimeout(timer: unknown): void;

export type Cancel = () => void;

export interface Clock {
  /** Milliseconds since some fixed moment; never runs backwards. */
  now(): number;
  after(ms: number, run: () => void): Cancel;
  /** A random number x, 0 ≤ x < 1. */
  random(): number;
}

export const realClock: Clock = {
  now: () => performance.now(),
  after: (ms, run) => {
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  random: Math.random,
};

export function pause(clock: Clock, ms: number): Promise<void> {
  return new Promise((done) => clock.after(ms, done));
}

/**
 * Runs `run` every `ms`, counted from the end of the previous run, even if that one threw. If `ms`
 * is a function, it returns each pause, for example with `jitter`.
 */
export function every(clock: Clock, ms: number | (() => number), run: () => unknown): Cancel {
  let isCancelled = false;
  let cancel: Cancel = () => undefined;
  const schedule = () => {
    cancel = clock.after(typeof ms === "number" ? ms : ms(), async () => {
      try {
        await run();
      } finally {
        if (!isCancelled) schedule();
      }
    });
  };
  schedule();
  return () => {
    isCancelled = true;
    cancel();
  };
}

/** Settles as `promise` does, or rejects with `error()` after `ms`. */
export function within<Result>(
  clock: Clock,
  ms: number,
  promise: Promise<Result>,
  error: () => Error,
): Promise<Result> {
  return new Promise((done, fail) => {
    const cancel = clock.after(ms, () => fail(error()));
    promise.then(done, fail).finally(cancel);
  });
}

/** Varies `ms` by up to 25 % either way, so that instances started together do not stay in step. */
export function jitter(clock: Clock, ms: number): number {
  return ms * (0.75 + clock.random() / 2);
}

/** Exponential back-off with jitter: 50 to 100 % of `first * 2^attempt`, capped at `most`. */
export function backOffMs(clock: Clock, attempt: number, first: number, most: number): number {
  return Math.min(most, first * 2 ** Math.min(attempt, 20)) * (0.5 + clock.random() / 2);
}
