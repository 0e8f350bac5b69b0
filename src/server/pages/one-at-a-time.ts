/* Runs that bring something up to date, one at a time. */

/**
 * Wraps `run`. A run in progress may have read its answer before the reason for another call arose.
 * So the calls made meanwhile share one more run, which begins when the present one has ended.
 */
export function oneAtATime<Args extends readonly unknown[]>(
  run: (...args: Args) => Promise<void>,
): (...args: Args) => Promise<void> {
  let running: Promise<void> | undefined;
  let again: Promise<void> | undefined;
  const call = (...args: Args): Promise<void> => {
    if (!running) {
      running = run(...args).finally(() => {
        running = undefined;
      });
      return running;
    }
    again ??= running.then(() => {
      again = undefined;
      return call(...args);
    });
    return again;
  };
  return call;
}
