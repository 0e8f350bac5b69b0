/*
 * Frames: deltas and snapshots as bytes. PROTOCOL.md explains the layout.
 *
 *     delta     handle · page · to.version · versions since from · from.tag · to.tag · changes
 *     snapshot  handle · page · version · tag · coding (0 raw, 1 sparse) · bits
 *
 * Numbers are varints; a tag takes 6 bytes. Changes fill the rest, in ascending order:
 * `gap << 1 | value`, where the gap counts from the cell after the previous one. Sparse bits are
 * the gaps between checked cells. A snapshot uses the smaller coding.
 *
 * Untrusted bytes are checked completely: decoding returns a frame that obeys every rule, or
 * undefined.
 */

import { bitmapBytes, countBits, eachDifference, setBit, usedBytes } from "../board/bitmap.js";
import { changedOffset, changedValue, type Delta, packChange, type Snapshot } from "../board/delta.js";
import { PAGE_CELLS } from "../board/geometry.js";
import type { Position } from "../board/position.js";
import { fromBase64url, toBase64url } from "./base64url.js";
import { Reader, Writer } from "./varint.js";

export interface Framed<Content> {
  /** The board's handle on the connection. */
  readonly handle: number;
  readonly content: Content;
}

const RAW = 0;
const SPARSE = 1;

export function encodeDelta(handle: number, delta: Delta): string {
  // The header has at most 4 varints of 8 bytes and 2 tags; a change has at most 3 bytes.
  const writer = new Writer(44 + delta.changes.length * 3);
  writer.varint(handle);
  writer.varint(delta.page);
  writer.varint(delta.to.version);
  writer.varint(delta.to.version - delta.from.version);
  writeTag(writer, delta.from.tag);
  writeTag(writer, delta.to.tag);
  let next = 0;
  for (const change of delta.changes) {
    const offset = changedOffset(change);
    writer.varint((offset - next) * 2 + changedValue(change));
    next = offset + 1;
  }
  return toBase64url(writer.bytes());
}

export function decodeDelta(text: string): Framed<Delta> | undefined {
  const bytes = fromBase64url(text);
  if (!bytes) return undefined;
  const reader = new Reader(bytes);
  const handle = reader.varint();
  const page = reader.varint();
  const version = reader.varint();
  const steps = reader.varint();
  const fromTag = readTag(reader);
  const toTag = readTag(reader);
  const changes = readChanges(reader);
  if (reader.failed || !changes || steps < 1 || steps > version) return undefined;
  const from = { version: version - steps, tag: fromTag };
  const to = { version, tag: toTag };
  return { handle, content: { kind: "delta", page, from, to, changes } };
}

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

/** The board's handle, page and position of a snapshot. Undefined if they cannot be read. */
export function readSnapshotHead(
  bytes: Uint8Array,
): { readonly handle: number; readonly page: number; readonly position: Position } | undefined {
  const reader = new Reader(bytes);
  const handle = reader.varint();
  const page = reader.varint();
  const position = { version: reader.varint(), tag: readTag(reader) };
  return reader.failed ? undefined : { handle, page, position };
}

/** `cells` returns the number of cells of a page; undefined if it does not exist. */
export function decodeSnapshot(
  bytes: Uint8Array,
  cells: (handle: number, page: number) => number | undefined,
): Framed<Snapshot> | undefined {
  const reader = new Reader(bytes);
  const handle = reader.varint();
  const page = reader.varint();
  const position = { version: reader.varint(), tag: readTag(reader) };
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

function readChanges(reader: Reader): Uint32Array | undefined {
  const changes: number[] = [];
  let next = 0;
  while (!reader.done) {
    const coded = reader.varint();
    next += Math.floor(coded / 2);
    if (reader.failed || next >= PAGE_CELLS) return undefined;
    changes.push(packChange(next, coded % 2 ? 1 : 0));
    next++;
  }
  return Uint32Array.from(changes);
}

function writeTag(writer: Writer, tag: string): void {
  const bytes = fromBase64url(tag);
  if (bytes?.length !== 6) throw new RangeError(`not a tag: ${tag}`);
  writer.copy(bytes);
}

function readTag(reader: Reader): string {
  return toBase64url(reader.take(6));
}
