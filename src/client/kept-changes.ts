/*
 * `socketscaler/client/keep`. Keeps changes that wait in `localStorage`, which outlives the web
 * page, and can be written before a write is sent. Each board of each web page has an entry of its
 * own, under its session:
 *
 *     web page ──keeps──► entry      while the web page lives, it holds the Web Lock of its entry
 *     another web page ──lock──► entry ──resend──► the store, then the entry is removed
 *
 * The browser gives the lock to another web page only once the first is gone. So an entry is
 * delivered by one web page at a time, and never beside its owner. A web page without Web Locks
 * keeps nothing.
 */

import type { ChangeKeeper, KeptSession } from "./api/connect-options.js";
import { resend } from "./boards/resend.js";
import { keys, olderElsewhere, read, write } from "./outbox/kept-entries.js";
import { fromText, type SavedOutbox, savedBefore, toText } from "./outbox/saved-outbox.js";
import { clientClock } from "./timing/elapsed-clock.js";

const PREFIX = "socketscaler.changes|";
/** A change that is not sent yet may be kept a moment later, so that a stroke is kept once. */
const LAZY_MS = 250;
const { aheadMs } = clientClock;

/**
 * Keeps changes that still wait when the web page is reloaded, is closed or crashes. The next web
 * page in this browser that uses `keepChanges` delivers them, each once, if they are not older than
 * five minutes. `user` separates the changes of users who share the browser; it may name the
 * deployment too. Nothing is kept without `localStorage`, as in Node, or without Web Locks, as over
 * plain HTTP.
 */
export function keepChanges(user = ""): ChangeKeeper {
  const { locks } = globalThis.navigator ?? {};
  const prefix = `${PREFIX}${encodeURIComponent(user)}|`;
  /** Entries of this web page, and those that it waits for. */
  const known = new Set<string>();
  return {
    begin: (board, session) => {
      const ofBoard = `${prefix}${board}|`;
      const key = ofBoard + session;
      const mustWait = olderElsewhere(key, ofBoard, aheadMs, clientClock);
      if (!locks) return { keep: () => undefined, mustWait };
      known.add(key);
      // Held as long as the web page lives.
      locks.request(key, () => new Promise(() => undefined)).catch(() => undefined);
      return { keep: lazily((waiting) => keep(key, waiting)), mustWait };
    },
    recover: ({ open, clock, progress }) => {
      const ended = new AbortController();
      const { signal } = ended;
      const deliver = async (key: string) => {
        const [board = "", session = ""] = key.slice(prefix.length).split("|");
        const waiting = fromText(read(key), aheadMs(), clock.now());
        const mustWait = olderElsewhere(key, key.slice(0, -session.length), aheadMs, clock);
        const parts = { open, clock, progress, keep: (rest: SavedOutbox | undefined) => keep(key, rest), mustWait };
        if (!waiting || (await resend({ board, session, waiting }, parts, signal))) write(key, undefined);
      };
      const consider = (key: string | null) => {
        if (!locks || !key?.startsWith(prefix) || known.has(key)) return;
        known.add(key);
        const forget = () => known.delete(key);
        // Not one after the other: a change of one entry may wait for one of another.
        locks.request(key, { signal }, () => (signal.aborted ? undefined : deliver(key))).then(forget, forget);
      };
      const heard = ({ key, newValue }: StorageEvent) => newValue !== null && consider(key);
      for (const key of keys()) {
        consider(key);
        if (key.startsWith(PREFIX) && !key.startsWith(prefix)) forgetOld(key, clock.now());
      }
      globalThis.addEventListener?.("storage", heard, { signal });
      return () => ended.abort();
    },
  };
}

/** Calls `run` at once if it is urgent, or else a moment later and when the web page is hidden. */
function lazily(run: (waiting: SavedOutbox | undefined) => void): KeptSession["keep"] {
  let later: (() => SavedOutbox | undefined) | undefined;
  const flush = () => {
    const waiting = later;
    later = undefined;
    if (waiting) run(waiting());
  };
  globalThis.addEventListener?.("pagehide", flush);
  globalThis.document?.addEventListener("visibilitychange", flush);
  return (waiting, isUrgent) => {
    if (!later && !isUrgent) clientClock.after(LAZY_MS, flush);
    later = waiting;
    if (isUrgent) flush();
  };
}

function keep(key: string, waiting: SavedOutbox | undefined): void {
  write(key, waiting && toText(waiting, aheadMs()));
}

/** Of users who do not come back. */
function forgetOld(key: string, nowMs: number): void {
  if (savedBefore(read(key), nowMs + aheadMs())) write(key, undefined);
}
