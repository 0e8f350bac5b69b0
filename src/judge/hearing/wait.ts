/*
 * Waiting for what a server does. A busy judge must not take its own delay for the server's: only
 * time in which this process could run counts. After a pause of the process, whatever has arrived
 * is read before more time is counted.
 */

import { setTimeout as pause } from "node:timers/promises";

const TICK_MS = 4;
/** Most that one tick counts, however long it took. */
const TICK_COUNT_MS_MAX = 12;

/** True as soon as `isSo`; false after `ms`, or if `signal` is aborted. */
export async function waitFor(isSo: () => boolean, ms: number, signal: AbortSignal): Promise<boolean> {
  let counted = 0;
  let last = performance.now();
  while (!isSo()) {
    if (counted >= ms || signal.aborted) return false;
    await pause(TICK_MS);
    const now = performance.now();
    counted += Math.min(now - last, TICK_COUNT_MS_MAX);
    last = now;
  }
  return true;
}

/** Settles as `promise` does, or rejects with `error()` after `ms` or if `signal` is aborted. */
export async function inTime<Result>(
  promise: Promise<Result>,
  ms: number,
  signal: AbortSignal,
  error: () => Error,
): Promise<Result> {
  let isSettled = false;
  const watched = promise.finally(() => {
    isSettled = true;
  });
  // Awaited below, or given up.
  watched.catch(() => undefined);
  if (!(await waitFor(() => isSettled, ms, signal))) throw error();
  return watched;
}

/**
 * Gives `work` a signal of its own, which is aborted if it fails or `outer` is aborted before it is
 * done. Anything that it leaves open on success stays open.
 */
export async function whileWaiting<Result>(
  outer: AbortSignal,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const own = new AbortController();
  const abort = () => own.abort();
  outer.addEventListener("abort", abort, { once: true });
  if (outer.aborted) abort();
  try {
    return await work(own.signal);
  } catch (error) {
    abort();
    throw error;
  } finally {
    outer.removeEventListener("abort", abort);
  }
}
