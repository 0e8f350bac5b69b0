/*
 * Values as the bytes of one message between a relay and its upstream. A message is JSON, followed
 * by the arrays of numbers in it, so bits and changes are not written as text.
 *
 *     length of the JSON · JSON · (length · bytes)…          lengths are varints
 *
 * In the JSON, `{"$8": n}` stands for the n-th array of bytes, and `{"$32": n}` for the n-th array
 * of 32-bit numbers. Undefined fields are left out, and undefined items become null.
 */

import { Reader, Writer } from "../../protocol/varint.js";

const LENGTH_BYTES_MAX = 5;
/** A message has an array for each write of a batch, or for each delta of a few snapshots. */
const ARRAYS_MAX = 10_000;

export function pack(value: unknown): Uint8Array {
  const parts: Uint8Array[] = [];
  const json = JSON.stringify(value, function (this: unknown, key: string, item: unknown) {
    // A Buffer has a form of its own in JSON, so the value before that is looked at.
    const own: unknown = typeof this === "object" && this !== null ? Reflect.get(this, key) : item;
    if (own instanceof Uint32Array) return { $32: parts.push(littleEndian(own)) - 1 };
    if (own instanceof Uint8Array) return { $8: parts.push(own) - 1 };
    return item;
  });
  const text = Buffer.from(json);
  const writer = new Writer(
    parts.reduce((sum, { length }) => sum + LENGTH_BYTES_MAX + length, LENGTH_BYTES_MAX + text.length),
  );
  for (const part of [text, ...parts]) {
    writer.varint(part.length);
    writer.copy(part);
  }
  return writer.bytes();
}

/** In an object, because `null` is a value too. Undefined if the bytes are not a packed value. */
export function unpack(bytes: Uint8Array): { readonly value: unknown } | undefined {
  const reader = new Reader(bytes);
  const parts: Uint8Array[] = [];
  do parts.push(reader.take(reader.varint()));
  while (!reader.done && parts.length <= ARRAYS_MAX);
  const [text, ...arrays]: (Uint8Array | undefined)[] = parts;
  if (!reader.done || reader.failed || !text) return undefined;
  try {
    const json = new TextDecoder("utf-8", { fatal: true }).decode(text);
    return { value: JSON.parse(json, (_, item: unknown) => revived(item, arrays)) };
  } catch {
    return undefined;
  }
}

/** Throws if the item stands for an array that is not there. */
function revived(item: unknown, arrays: (Uint8Array | undefined)[]): unknown {
  if (typeof item !== "object" || item === null) return item;
  if ("$8" in item) return taken(arrays, item.$8);
  return "$32" in item ? numbersOf(taken(arrays, item.$32)) : item;
}

/** Each array is taken once, so that a short message cannot stand for many copies of a long one. */
function taken(arrays: (Uint8Array | undefined)[], index: unknown): Uint8Array {
  const array = typeof index === "number" ? arrays[index] : undefined;
  if (!array) throw new RangeError("a part of the message is missing");
  arrays[Number(index)] = undefined;
  return array;
}

function littleEndian(numbers: Uint32Array): Uint8Array {
  const bytes = new Uint8Array(numbers.length * 4);
  const view = new DataView(bytes.buffer);
  for (let index = 0; index < numbers.length; index++) view.setUint32(index * 4, numbers[index] ?? 0, true);
  return bytes;
}

function numbersOf(bytes: Uint8Array): Uint32Array {
  if (bytes.length % 4 !== 0) throw new RangeError("an array of numbers is cut off");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  return Uint32Array.from({ length: bytes.length / 4 }, (_, index) => view.getUint32(index * 4, true));
}
