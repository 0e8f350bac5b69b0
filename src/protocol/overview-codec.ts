/*
 * Frames of a board's overview: the checked cells of each page. The numbers are absolute, so
 * skipping a frame only delays them. PROTOCOL.md explains the layout.
 *
 *     overview  handle · to the end: gap · length of a run · each page's count - 1 as two bytes
 *     counts    handle · to the end: gap · count, for each page that changed
 *
 * Gaps count from the page after the previous one. An overview names only pages with checked cells.
 * An empty page therefore takes no bytes, and a full board about 2 bytes per page.
 *
 * Untrusted bytes are checked completely: decoding returns a frame that obeys every rule, or
 * undefined.
 */

import { PAGE_CELLS } from "../board/geometry.js";
import type { Framed } from "./codec.js";
import { Reader, Writer } from "./varint.js";

export type PageCount = readonly [page: number, checked: number];

/** `counts[page]` is the page's count. */
export function encodeOverview(handle: number, counts: ArrayLike<number>): Uint8Array {
  // The header has at most 8 bytes. A run takes two varints of at most 3 bytes each.
  const writer = new Writer(16 + counts.length * 4);
  writer.varint(handle);
  let next = 0;
  for (let start = 0; start < counts.length; start++) {
    if (!counts[start]) continue;
    let end = start;
    while (counts[end]) end++;
    writer.varint(start - next);
    writer.varint(end - start);
    for (let page = start; page < end; page++) writer.word((counts[page] ?? 0) - 1);
    next = end;
    start = end;
  }
  return writer.bytes();
}

/** `pages` returns the board's number of pages, or undefined for an unknown handle. */
export function decodeOverview(
  bytes: Uint8Array,
  pages: (handle: number) => number | undefined,
): Framed<Uint32Array> | undefined {
  const reader = new Reader(bytes);
  const handle = reader.varint();
  const count = reader.failed ? undefined : pages(handle);
  if (count === undefined) return undefined;
  const counts = new Uint32Array(count);
  let next = 0;
  while (!reader.done) {
    const start = next + reader.varint();
    const end = start + reader.varint();
    // The encoder merges adjacent runs, so two runs without a gap are malformed.
    if (reader.failed || end <= start || end > count || (next > 0 && start === next)) return undefined;
    for (let page = start; page < end; page++) counts[page] = reader.word() + 1;
    next = end;
  }
  return reader.failed ? undefined : { handle, content: counts };
}

/** Pages ascending, each once. */
export function encodeCounts(handle: number, counts: readonly PageCount[]): Uint8Array {
  const writer = new Writer(16 + counts.length * 8);
  writer.varint(handle);
  let next = 0;
  for (const [page, checked] of counts) {
    writer.varint(page - next);
    writer.varint(checked);
    next = page + 1;
  }
  return writer.bytes();
}

export function decodeCounts(
  bytes: Uint8Array,
  pages: (handle: number) => number | undefined,
): Framed<readonly PageCount[]> | undefined {
  const reader = new Reader(bytes);
  const handle = reader.varint();
  const count = reader.failed ? undefined : pages(handle);
  if (count === undefined) return undefined;
  const counts: PageCount[] = [];
  let next = 0;
  while (!reader.done) {
    next += reader.varint();
    const checked = reader.varint();
    if (reader.failed || next >= count || checked > PAGE_CELLS) return undefined;
    counts.push([next, checked]);
    next++;
  }
  return { handle, content: counts };
}
