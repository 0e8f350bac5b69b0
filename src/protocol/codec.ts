/*
 * Snapshots as bytes. PROTOCOL.md explains the layout. Deltas are in lane-delta.ts, and those of
 * Socket.IO in delta-text.ts.
 *
 *     snapshot  handle · page · version · tag · coding (0 raw, 1 sparse) · bits
 *
 * Numbers are varints; a tag takes 6 bytes. Sparse bits are the gaps between checked cells, each
 * counted from the cell after the previous one. A snapshot uses the smaller coding.
 *
 * Untrusted bytes are checked completely: decoding returns a frame that obeys every rule, or
 * undefined.
 */

import { bitmapBytes, countBits, eachDifference, setBit, usedBytes } from "../board/bitmap.js";
import type { Snapshot } from "../board/delta.js";
import type { Position } from "../board/position.js";
import { toBase64url } from "./base64url.js";
import { fromBase64url } from "./from-base64url.js";
import { Reader, Writer } from "./varint.js";

export interface Framed<Content> {
  /** The board's handle on the connection. */
  readonly handle: number;
  readonly content: Content;
}

const RAW = 0;
const SPARSE = 1;

export function encodeSnapshot(handle: number, snapshot: Snapshot): Uint8Array {
  const { bits, position, page } = snapshot;
  const raw = usedBytes(bits);
  // A sparse cell takes 1 to 3 bytes, so the count shows whether sparse coding can be smaller.
  const sparse = countBits(bits) < raw ? sparseBits(bits, raw) : undefined;
  const body = sparse && sparse.length < raw ? sparse : bits.subarray(0, raw);
  const writer = new Writer(40 + body.length);
  writer.varint(handle);
  writer.varint(page);
  writer.varint(position.version);
  writeTag(writer, position.tag);
  writer.varint(body === sparse ? SPARSE : RAW);
  writer.copy(body);
  return writer.bytes();
}

interface SnapshotHead {
  readonly handle: number;
  readonly page: number;
  readonly position: Position;
}

/** Undefined if it cannot be read. */
export function readSnapshotHead(bytes: Uint8Array): SnapshotHead | undefined {
  const reader = new Reader(bytes);
  const head = readHead(reader);
  return reader.failed ? undefined : head;
}

function readHead(reader: Reader): SnapshotHead {
  const handle = reader.varint();
  const page = reader.varint();
  return { handle, page, position: { version: reader.varint(), tag: readTag(reader) } };
}

/** `cells` returns the number of cells of a page; undefined if it does not exist. */
export function decodeSnapshot(
  bytes: Uint8Array,
  cells: (handle: number, page: number) => number | undefined,
): Framed<Snapshot> | undefined {
  const reader = new Reader(bytes);
  const { handle, page, position } = readHead(reader);
  const coding = reader.varint();
  const count = reader.failed ? undefined : cells(handle, page);
  if (count === undefined) return undefined;
  const bits = new Uint8Array(bitmapBytes(count));
  if (coding === RAW) {
    const body = reader.rest();
    if (body.length > bits.length || body.at(-1) === 0) return undefined;
    bits.set(body);
    if (count % 8 && (bits.at(-1) ?? 0) & (255 >>> (count % 8))) return undefined;
  } else if (coding === SPARSE) {
    let next = 0;
    while (!reader.done) {
      next += reader.varint();
      if (reader.failed || next >= count) return undefined;
      setBit(bits, next, 1);
      next++;
    }
  } else return undefined;
  return { handle, content: { kind: "snapshot", page, position, bits } };
}

function sparseBits(bits: Uint8Array, raw: number): Uint8Array {
  const writer = new Writer(countBits(bits) * 3);
  let next = 0;
  eachDifference(new Uint8Array(raw), bits.subarray(0, raw), (offset) => {
    writer.varint(offset - next);
    next = offset + 1;
  });
  return writer.bytes();
}

export function writeTag(writer: Writer, tag: string): void {
  const bytes = fromBase64url(tag);
  if (bytes?.length !== 6) throw new RangeError(`not a tag: ${tag}`);
  writer.copy(bytes);
}

export function readTag(reader: Reader): string {
  return toBase64url(reader.take(6));
}
