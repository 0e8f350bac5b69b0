/*
 * Locks that one page of an origin holds at a time, and that end with the page: Web Locks. A page
 * that was loaded over plain HTTP has none. So a lease in IndexedDB takes their place there, which
 * ends some time after its page.
 */

/** Browsers run the timers of hidden pages once a minute. */
const LEASE_MS = 150_000;
const RENEW_MS = 20_000;
const RETRY_MS = 5_000;
const STORE = "leases";
const OWNER = Math.random();

/** Runs `run` once no other page has the lock, and holds it until then. `signal` ends the wait. */
export async function withLock(name: string, run: () => Promise<void>, signal?: AbortSignal): Promise<void> {
  const locks = globalThis.navigator?.locks;
  if (locks) await (signal ? locks.request(name, { signal }, run) : locks.request(name, run));
  else if (globalThis.indexedDB) await withLease(name, run, signal);
}

async function withLease(name: string, run: () => Promise<void>, signal?: AbortSignal): Promise<void> {
  const leases = await openLeases();
  while (!(await take(leases, name))) {
    await new Promise((done) => setTimeout(done, RETRY_MS));
    if (signal?.aborted) return;
  }
  const renewing = setInterval(() => void take(leases, name), RENEW_MS);
  try {
    await run();
  } finally {
    clearInterval(renewing);
    leases.transaction(STORE, "readwrite").objectStore(STORE).delete(name);
  }
}

function openLeases(): Promise<IDBDatabase> {
  const request = indexedDB.open("socketscaler", 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return answer(request);
}

/** Whether the lease is this page's now. Reading and writing are one transaction. */
async function take(leases: IDBDatabase, name: string): Promise<boolean> {
  const store = leases.transaction(STORE, "readwrite").objectStore(STORE);
  const lease: { readonly owner: number; readonly untilMs: number } | undefined = await answer(store.get(name));
  if (lease && lease.owner !== OWNER && lease.untilMs > Date.now()) return false;
  await answer(store.put({ owner: OWNER, untilMs: Date.now() + LEASE_MS }, name));
  return true;
}

function answer<Result>(request: IDBRequest<Result>): Promise<Result> {
  return new Promise((done, fail) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => fail(request.error);
  });
}
