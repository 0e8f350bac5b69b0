/*
 * `socketscaler/client/keep`. Keeps changes that wait in `localStorage`, which outlives the page,
 * and can be written before a write is sent. Each board of each page has an entry of its own, under
 * its session:
 *
 *     page ──keeps──► entry      while the page lives, it holds the lock of its entry
 *     another page ──lock──► entry ──resend──► the store, then the entry is removed
 *
 * The browser gives the lock to another page only once the first is gone. So an entry is delivered
 * by one page at a time, and never beside its owner.
 */

import type { ChangeKeeper } from "./connect-options.js";
import { withLock } from "./page-lock.js";
import { resend } from "./resend.js";
import { fromText, type SavedOutbox, toText } from "./saved-outbox.js";

const PREFIX = "socketscaler.changes";

/**
 * Keeps changes of boards that wait when the page is reloaded, closed or crashes. The next page of
 * this browser that does the same delivers them, each once, if they are not older than five
 * minutes. `user` separates the changes of users who share the browser; it may name the deployment
 * too. Without `localStorage`, as in Node, nothing is kept.
 */
export function keepChanges(user = ""): ChangeKeeper {
  const prefix = [PREFIX, encodeURIComponent(user), ""].join("|");
  const keyOf = (board: string, session: string) => `${prefix}${board}|${session}`;
  /** Entries of this page, and those that it waits for. */
  const known = new Set<string>();
  const keep = (key: string, waiting: SavedOutbox | undefined) => {
    if (waiting) write(key, toText(waiting, aheadMs()));
    else write(key, undefined);
  };
  return {
    begin: (board, session) => {
      const key = keyOf(board, session);
      known.add(key);
      // Held as long as the page lives.
      withLock(key, () => new Promise(() => undefined)).catch(() => undefined);
      return (waiting) => keep(key, waiting);
    },
    recover: ({ open, clock, progress }) => {
      const ended = new AbortController();
      const { signal } = ended;
      let last = Promise.resolve();
      const deliver = async (key: string) => {
        const [board = "", session = ""] = key.slice(prefix.length).split("|");
        const waiting = fromText(read(key) ?? "", aheadMs());
        if (waiting) {
          const kept = (rest: SavedOutbox | undefined) => keep(key, rest);
          await resend({ board, session, waiting }, { open, clock, progress, kept }, signal);
        }
        if (!signal.aborted) write(key, undefined);
      };
      const consider = (key: string | null) => {
        if (!key?.startsWith(prefix) || known.has(key)) return;
        known.add(key);
        const inTurn = () => {
          last = last.then(() => (signal.aborted ? undefined : deliver(key)));
          return last;
        };
        withLock(key, inTurn, signal).then(
          () => known.delete(key),
          () => undefined,
        );
      };
      const heard = ({ key, newValue }: StorageEvent) => newValue !== null && consider(key);
      for (const key of keys()) consider(key);
      globalThis.addEventListener?.("storage", heard, { signal });
      return () => ended.abort();
    },
  };
}

/** How far the wall clock is ahead of the clients' clock. */
function aheadMs(): number {
  return Date.now() - performance.now();
}

function keys(): string[] {
  try {
    return Object.keys(globalThis.localStorage);
  } catch {
    return [];
  }
}

function read(key: string): string | null {
  try {
    return globalThis.localStorage.getItem(key);
  } catch {
    return null;
  }
}

/** Does nothing if there is no storage, it is full, or the browser forbids it. */
function write(key: string, text: string | undefined): void {
  try {
    if (text === undefined) globalThis.localStorage.removeItem(key);
    else globalThis.localStorage.setItem(key, text);
  } catch {
    // The change is sent nevertheless.
  }
}
