/*
 * The deltas in a page's log that lead from a position to the present, which `since` returns.
 * Undefined means that `since` must return a snapshot. Reading stops at an entry that does not
 * build on the one before, or when the deltas exceed a few snapshots. The script since.lua uses
 * a running count of bytes instead of reading the entries.
 */

import { bitmapBytes } from "../board/bitmap.js";
import type { Delta } from "../board/delta.js";
import { PAGE_CELLS } from "../board/geometry.js";
import { type Position, samePosition } from "../board/position.js";
import { decodeOps } from "./ops.js";

/** Bytes in a full page's bitmap. */
export const PAGE_BYTES = bitmapBytes(PAGE_CELLS);

/** Most bytes of deltas in one answer of `since`. Beyond this, a snapshot costs less. */
export const SINCE_BYTES_MAX = 4 * PAGE_BYTES;

/** The size of a delta in bytes as published, and as commit.lua counts it. */
export function publishedBytes({ changes }: { readonly changes: { readonly length: number } }): number {
  return 24 + 3 * changes.length;
}

/** `log` yields the entries after `from`, in order, and is read only as far as necessary. */
export function loggedSince(log: Iterable<Delta>, from: Position, to: Position): Delta[] | undefined {
  const deltas: Delta[] = [];
  let at = from;
  let bytes = 0;
  for (const delta of log) {
    bytes += publishedBytes(delta);
    if (!samePosition(delta.from, at) || bytes > SINCE_BYTES_MAX) return undefined;
    deltas.push(delta);
    at = delta.to;
  }
  return samePosition(at, to) ? deltas : undefined;
}

/** The delta in a log entry. `version` is the version that the delta leads to. */
export function deltaTo(page: number, version: number, fromTag: string, toTag: string, ops: string): Delta {
  return {
    kind: "delta",
    page,
    from: { version: version - 1, tag: fromTag },
    to: { version, tag: toTag },
    changes: decodeOps(ops),
  };
}

const TAG = /^[\w-]{8}$/;
const OPS = /^(?:[0-O][0-o]{2})*$/;

/**
 * Whether these are valid parts of a delta. Anyone with access to the store can write to the log.
 */
export function isDelta(version: number, fromTag: unknown, toTag: unknown, ops: unknown): boolean {
  return (
    Number.isSafeInteger(version) &&
    version > 0 &&
    [fromTag, toTag].every((tag) => typeof tag === "string" && TAG.test(tag)) &&
    typeof ops === "string" &&
    OPS.test(ops)
  );
}
