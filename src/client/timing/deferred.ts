/*
 * Timing that several rooms share: promises settled from outside or by a signal, postponed calls,
 * and the client's clock.
 */

/** A promise that is settled from outside. Its failure may go unhandled. */
export interface Deferred {
  readonly promise: Promise<void>;
  done(): void;
  fail(error: unknown): void;
}

export function deferred(): Deferred {
  let settle = { done: () => {}, fail: (_: unknown) => {} };
  const promise = new Promise<void>((done, fail) => {
    settle = { done, fail };
  });
  promise.catch(() => undefined);
  return { promise, ...settle };
}
