/*
 * The entries of `keepChanges` in `localStorage`. Each has the changes that wait in one session of
 * one of the browser's web pages.
 *
 * A change of a cell waits while another entry has an older change of that cell to the other value.
 * Otherwise the older one could come last. If the values are the same, the order does not matter.
 */

import type { Clock } from "../../protocol/clock.js";
import { GIVE_UP_MS } from "./give-up.js";
import { type Op, opsOf } from "./queue.js";
import { fromText, unitsIn, wallMs } from "./saved-outbox.js";

/** Whether a change must wait for an older one, of another session. */
export type MustWait = (op: Op) => boolean;

/** Cell and value, in one number -> when the oldest such change was made, by the wall clock. */
type Times = ReadonlyMap<number, number>;

export function keys(): string[] {
  try {
    return Object.keys(globalThis.localStorage);
  } catch {
    return [];
  }
}

export function read(key: string): string {
  try {
    return globalThis.localStorage.getItem(key) ?? "";
  } catch {
    return "";
  }
}

/** Does nothing if there is no storage, or the browser forbids it. A full one loses the entry. */
export function write(key: string, text: string | undefined): void {
  try {
    if (text !== undefined) globalThis.localStorage.setItem(key, text);
    else globalThis.localStorage.removeItem(key);
  } catch {
    // It is full. An older state must not stay, because its numbers are used up.
    if (text !== undefined) write(key, undefined);
  }
}

/**
 * Compares the changes of entry `own` with those of the other entries whose keys begin with
 * `prefix`. `aheadMs`: how far the wall clock is ahead of `clock`, which gives changes their times.
 * Call the result before each sending: it reads the entries.
 */
export function olderElsewhere(own: string, prefix: string, aheadMs: () => number, clock: Clock): () => MustWait {
  let known = new Map<string, { readonly text: string; readonly times: Times }>();
  return () => {
    const before = known;
    known = new Map();
    for (const key of keys()) {
      if (key === own || !key.startsWith(prefix)) continue;
      const text = read(key);
      const last = before.get(key);
      known.set(key, last?.text === text ? last : { text, times: timesIn(text) });
    }
    const others = [...known];
    const ahead = aheadMs();
    const oldestMs = clock.now() + ahead - GIVE_UP_MS;
    return ({ cell, value, sinceMs }) => {
      const ownMs = wallMs(sinceMs, ahead);
      return others.some(([key, { times }]) => {
        const ms = times.get(2 * cell + 1 - value) ?? Number.POSITIVE_INFINITY;
        return ms > oldestMs && (ms < ownMs || (ms === ownMs && key < own));
      });
    };
  };
}

function timesIn(text: string): Times {
  const times = new Map<number, number>();
  const saved = fromText(text, 0, Number.POSITIVE_INFINITY);
  for (const { cell, value, sinceMs } of saved ? opsOf(unitsIn(saved)) : []) {
    const kind = 2 * cell + value;
    times.set(kind, Math.min(sinceMs, times.get(kind) ?? sinceMs));
  }
  return times;
}
