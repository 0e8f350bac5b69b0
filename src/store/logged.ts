/*
 * The deltas of a page's log that lead from a position to the present, for an answer of `since`.
 * Undefined means that a snapshot is the answer. The log is read entry by entry, until one does not
 * build on the position, or the deltas are larger than a few snapshots. In since.lua, a running
 * count of bytes saves reading the entries to weigh them.
 */

import { bitmapBytes } from "../board/bitmap.js";
import type { Delta } from "../board/delta.js";
import { PAGE_CELLS } from "../board/geometry.js";
import { type Position, samePosition } from "../board/position.js";
import { decodeOps } from "./ops.js";

/** Bytes of a page's bits. */
export const PAGE_BYTES = bitmapBytes(PAGE_CELLS);

/** Bytes of the deltas of one answer of `since`. With more, a snapshot costs less. */
export const SINCE_BYTES_MAX = 4 * PAGE_BYTES;

/** Bytes of a delta as it is published, and as commit.lua counts it. */
export function publishedBytes({ changes }: { readonly changes: { readonly length: number } }): number {
  return 24 + 3 * changes.length;
}

/** `log` yields the entries after `from`, in order. It is read no further than necessary. */
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

/** The delta of a log entry, which has the version that it leads to. */
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

/** Whether these are the parts of a delta. Anyone with access to the store can write there. */
export function isDelta(version: number, fromTag: unknown, toTag: unknown, ops: unknown): boolean {
  return (
    Number.isSafeInteger(version) &&
    version > 0 &&
    [fromTag, toTag].every((tag) => typeof tag === "string" && TAG.test(tag)) &&
    typeof ops === "string" &&
    OPS.test(ops)
  );
}
