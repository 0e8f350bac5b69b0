/*
 * The bits of a page: cell `offset` is bit `7 - offset % 8` of byte `offset / 8`. The most
 * significant bit comes first, as in SETBIT, so pages of the store need no conversion. A bitmap
 * always has all its bytes; trailing zeros are left out only in the store and on the wire.
 */

export type Bit = 0 | 1;

export function bitmapBytes(cells: number): number {
  return Math.ceil(cells / 8);
}

export function getBit(bits: Uint8Array, offset: number): Bit {
  return ((bits[offset >>> 3] ?? 0) >>> (7 - (offset & 7))) & 1 ? 1 : 0;
}

/** Sets one cell; true if that changed it. `offset` must lie inside the bitmap. */
export function setBit(bits: Uint8Array, offset: number, value: Bit): boolean {
  const index = offset >>> 3;
  const mask = 128 >>> (offset & 7);
  const before = bits[index] ?? 0;
  const after = value ? before | mask : before & ~mask;
  if (after === before) return false;
  bits[index] = after;
  return true;
}

const ONES = Uint8Array.from({ length: 256 }, (_, byte) => {
  let ones = 0;
  for (let rest = byte; rest; rest >>>= 1) ones += rest & 1;
  return ones;
});

export function countBits(bits: Uint8Array): number {
  let count = 0;
  for (const byte of bits) count += ONES[byte] ?? 0;
  return count;
}

/** Counts the cells `start` … `end - 1`. */
export function countBetween(bits: Uint8Array, start: number, end: number): number {
  let count = 0;
  let offset = start;
  for (; offset < end && offset % 8 > 0; offset++) count += getBit(bits, offset);
  const whole = Math.max(offset, end - (end % 8));
  count += countBits(bits.subarray(offset >>> 3, whole >>> 3));
  for (offset = whole; offset < end; offset++) count += getBit(bits, offset);
  return count;
}

/** The length without zero bytes at the end. */
export function usedBytes(bits: Uint8Array): number {
  let length = bits.length;
  while (length > 0 && bits[length - 1] === 0) length--;
  return length;
}

/** Visits each cell that differs, with its value in `after`. The bitmaps have equal lengths. */
export function eachDifference(
  before: Uint8Array,
  after: Uint8Array,
  visit: (offset: number, value: Bit) => void,
): void {
  for (let index = 0; index < after.length; index++) {
    const byte = after[index] ?? 0;
    let different = (before[index] ?? 0) ^ byte;
    for (let bit = 0; different & 255; bit++, different <<= 1) {
      if (different & 128) visit(index * 8 + bit, (byte >>> (7 - bit)) & 1 ? 1 : 0);
    }
  }
}
