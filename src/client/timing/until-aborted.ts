/** Like `promise`, but rejects with the signal's reason if the signal is aborted first. */
export function untilAborted(promise: Promise<void>, signal: AbortSignal | undefined): Promise<void> {
  if (!signal) return promise;
  return new Promise((done, fail) => {
    const abort = () => fail(signal.reason);
    if (signal.aborted) abort();
    signal.addEventListener("abort", abort);
    promise.then(done, fail).finally(() => signal.removeEventListener("abort", abort));
  });
}
