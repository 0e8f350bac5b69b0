/*
 * Changes of a page as bytes, in the shorter of two codings.
 *
 *     varints   gap * 2 + value for each change, to the end
 *     Rice      k · count · bits to the end: for each change gap >> k in unary, k low bits, value
 *
 * A gap is counted from the cell after the last change. Single clicks are shorter as varints. Many
 * changes are shorter with Rice coding, which comes close to the entropy of random cells.
 *
 * Source: R. F. Rice, Some Practical Universal Noiseless Coding Techniques, JPL 79-22, 1979.
 */

import { type Changes, changedOffset, changedValue, packChange } from "../board/delta.js";
import { PAGE_CELLS } from "../board/geometry.js";
import { type Reader, Writer } from "./varint.js";

export interface CodedChanges {
  readonly isRice: boolean;
  readonly bytes: Uint8Array;
}

/** The largest number of low bits: a page has 2^16 cells. */
const K_MAX = 15;
/** With fewer changes Rice's header outweighs what it saves. */
const RICE_CHANGES_MIN = 4;

export function encodeChanges(changes: Changes): CodedChanges {
  if (changes.length < RICE_CHANGES_MIN) return { isRice: false, bytes: varintsOf(changes) };
  // The lengths are computed first, so that only the shorter coding is written.
  const k = bestK(changes);
  const bits = riceBits(changes, k);
  const riceLength = 1 + varintLength(changes.length) + Math.ceil(bits / 8);
  if (riceLength < varintsLength(changes)) return { isRice: true, bytes: riceBytes(changes, k, riceLength) };
  return { isRice: false, bytes: varintsOf(changes) };
}

/** Undefined unless `reader` holds changes in ascending order, and nothing else. */
export function decodeChanges(reader: Reader, isRice: boolean): Changes | undefined {
  return isRice ? readRice(reader) : readVarints(reader);
}

export function varintsOf(changes: Changes): Uint8Array {
  const writer = new Writer(changes.length * 3);
  let next = 0;
  for (const change of changes) {
    const offset = changedOffset(change);
    writer.varint((offset - next) * 2 + changedValue(change));
    next = offset + 1;
  }
  return writer.bytes();
}

function readVarints(reader: Reader): Changes | undefined {
  const changes: number[] = [];
  let next = 0;
  while (!reader.done) {
    const coded = reader.varint();
    next += Math.floor(coded / 2);
    if (reader.failed || next >= PAGE_CELLS) return undefined;
    changes.push(packChange(next, coded % 2 ? 1 : 0));
    next++;
  }
  return reader.failed ? undefined : Uint32Array.from(changes);
}

function varintsLength(changes: Changes): number {
  let length = 0;
  let next = 0;
  for (let index = 0; index < changes.length; index++) {
    const offset = changedOffset(changes[index] ?? 0);
    length += varintLength((offset - next) * 2);
    next = offset + 1;
  }
  return length;
}

/** Of numbers below 2^21. */
function varintLength(value: number): number {
  return value < 128 ? 1 : value < 16_384 ? 2 : 3;
}

function riceBytes(changes: Changes, k: number, length: number): Uint8Array {
  const writer = new Writer(length);
  writer.varint(k);
  writer.varint(changes.length);
  const bits = new BitWriter(writer);
  let next = 0;
  for (let index = 0; index < changes.length; index++) {
    const change = changes[index] ?? 0;
    const gap = changedOffset(change) - next;
    bits.ones(gap >>> k);
    // The zero that ends the ones, the low bits of the gap, and the value.
    bits.write(((gap & (2 ** k - 1)) << 1) | changedValue(change), k + 2);
    next = changedOffset(change) + 1;
  }
  bits.end();
  return writer.bytes();
}

function readRice(reader: Reader): Changes | undefined {
  const k = reader.varint();
  const count = reader.varint();
  const bytes = reader.rest();
  // A change takes k + 2 bits or more. A count that lies must cost no memory.
  if (reader.failed || k > K_MAX || count * (k + 2) > bytes.length * 8) return undefined;
  const bits = new BitReader(bytes);
  const changes = new Uint32Array(count);
  let next = 0;
  for (let index = 0; index < count; index++) {
    next += bits.ones(PAGE_CELLS) * 2 ** k;
    const rest = bits.read(k + 1);
    next += rest >>> 1;
    if (bits.failed || next >= PAGE_CELLS) return undefined;
    changes[index] = packChange(next, rest & 1 ? 1 : 0);
    next++;
  }
  return bits.isAtEnd ? changes : undefined;
}

/** The best k lies next to the logarithm of the mean gap. */
function bestK(changes: Changes): number {
  const last = changes.at(-1) ?? 0;
  const mean = Math.max(1, changedOffset(last) / changes.length);
  const near = Math.min(K_MAX, Math.floor(Math.log2(mean)));
  const tried = [near - 1, near, near + 1].filter((k) => k >= 0 && k <= K_MAX);
  return tried.reduce((best, k) => (riceBits(changes, k) < riceBits(changes, best) ? k : best));
}

function riceBits(changes: Changes, k: number): number {
  let bits = changes.length * (k + 2);
  let next = 0;
  for (let index = 0; index < changes.length; index++) {
    const offset = changedOffset(changes[index] ?? 0);
    bits += (offset - next) >>> k;
    next = offset + 1;
  }
  return bits;
}

/** Bits fill each byte from the highest down. */
class BitWriter {
  readonly #writer: Writer;
  #pending = 0;
  /** Bits in `#pending`: fewer than 8 between calls. */
  #count = 0;

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  /** The low `count` bits of `value`, the highest of them first; at most 24. */
  write(value: number, count: number): void {
    this.#pending = (this.#pending << count) | value;
    this.#count += count;
    while (this.#count >= 8) {
      this.#count -= 8;
      this.#writer.byte((this.#pending >>> this.#count) & 255);
    }
    this.#pending &= 255 >>> (8 - this.#count);
  }

  ones(count: number): void {
    for (let left = count; left > 0; left -= 16) {
      const some = Math.min(left, 16);
      this.write(2 ** some - 1, some);
    }
  }

  /** Fills the last byte with zeros. */
  end(): void {
    if (this.#count > 0) this.write(0, 8 - this.#count);
  }
}

class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  failed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** True if less than a byte is left, all of it zero. Otherwise codings would not be unique. */
  get isAtEnd(): boolean {
    const rest = this.#bytes.length * 8 - this.#at;
    return rest < 8 && ((this.#bytes.at(-1) ?? 0) & ((1 << rest) - 1)) === 0;
  }

  /** The number of ones before the next zero, which is read too. Fails beyond `most`. */
  ones(most: number): number {
    let count = 0;
    while (count <= most && !this.failed) {
      // The bits left of this byte, at the high end. Inverted, leading ones become zeros to count.
      const left = (this.#byte() << (24 + (this.#at & 7))) >>> 0;
      const room = 8 - (this.#at & 7);
      const found = Math.min(room, Math.clz32(~left));
      count += found;
      this.#at += found;
      if (found === room) continue;
      this.#at++;
      return count;
    }
    this.failed = true;
    return 0;
  }

  /** At most 24 bits. */
  read(count: number): number {
    let value = 0;
    for (let missing = count; missing > 0; ) {
      const room = 8 - (this.#at & 7);
      const some = Math.min(room, missing);
      value = (value << some) | ((this.#byte() >>> (room - some)) & (255 >>> (8 - some)));
      this.#at += some;
      missing -= some;
    }
    return value;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at >>> 3];
    if (byte === undefined) this.failed = true;
    return byte ?? 0;
  }
}
