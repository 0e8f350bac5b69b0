/*
 * Changes of a page as bytes, in the shorter of two codings.
 *
 *     varints   gap * 2 + value for each change, to the end
 *     Rice      k · count · bits to the end: for each change gap >> k in unary, k low bits, value
 *
 * A gap is counted from the cell after the last change. Single clicks are shorter as varints. Many
 * changes are shorter in Rice's coding, which comes close to the entropy of random cells.
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

/** Low bits of a gap at most: a page has 2^16 cells. */
const K_MAX = 15;
/** With fewer changes Rice's header outweighs what it saves. */
const RICE_CHANGES_MIN = 4;

export function encodeChanges(changes: Changes): CodedChanges {
  const varints = varintBytes(changes);
  if (changes.length < RICE_CHANGES_MIN) return { isRice: false, bytes: varints };
  const rice = riceBytes(changes);
  return rice.length < varints.length ? { isRice: true, bytes: rice } : { isRice: false, bytes: varints };
}

/** Undefined unless `reader` holds changes in ascending order, and nothing else. */
export function decodeChanges(reader: Reader, isRice: boolean): Changes | undefined {
  return isRice ? readRice(reader) : readVarints(reader);
}

function varintBytes(changes: Changes): Uint8Array {
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

function riceBytes(changes: Changes): Uint8Array {
  const k = bestK(changes);
  const bits = new BitWriter(riceBits(changes, k));
  let next = 0;
  for (const change of changes) {
    const gap = changedOffset(change) - next;
    for (let quotient = gap >>> k; quotient > 0; quotient--) bits.write(1, 1);
    bits.write(0, 1);
    bits.write(gap, k);
    bits.write(changedValue(change), 1);
    next = changedOffset(change) + 1;
  }
  const writer = new Writer(4 + bits.bytes.length);
  writer.varint(k);
  writer.varint(changes.length);
  writer.copy(bits.bytes);
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
    let gap = 0;
    while (bits.read(1) === 1) {
      gap += 2 ** k;
      if (gap >= PAGE_CELLS) return undefined;
    }
    next += gap + bits.read(k);
    const value = bits.read(1);
    if (bits.failed || next >= PAGE_CELLS) return undefined;
    changes[index] = packChange(next, value ? 1 : 0);
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
  for (const change of changes) {
    bits += (changedOffset(change) - next) >>> k;
    next = changedOffset(change) + 1;
  }
  return bits;
}

/** Bits fill each byte from the highest down. */
class BitWriter {
  readonly bytes: Uint8Array;
  #at = 0;

  constructor(bits: number) {
    this.bytes = new Uint8Array(Math.ceil(bits / 8));
  }

  /** The low `count` bits of `value`, the highest of them first. */
  write(value: number, count: number): void {
    for (let bit = count - 1; bit >= 0; bit--, this.#at++) {
      if ((value >>> bit) & 1)
        this.bytes[this.#at >>> 3] = (this.bytes[this.#at >>> 3] ?? 0) | (128 >>> (this.#at & 7));
    }
  }
}

class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;
  failed = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** True if less than a byte is left, all of it zero: else two texts would mean the same. */
  get isAtEnd(): boolean {
    const rest = this.#bytes.length * 8 - this.#at;
    return rest < 8 && ((this.#bytes.at(-1) ?? 0) & ((1 << rest) - 1)) === 0;
  }

  read(count: number): number {
    let value = 0;
    for (let bit = 0; bit < count; bit++, this.#at++) {
      const byte = this.#bytes[this.#at >>> 3];
      if (byte === undefined) {
        this.failed = true;
        return 0;
      }
      value = value * 2 + ((byte >>> (7 - (this.#at & 7))) & 1);
    }
    return value;
  }
}
