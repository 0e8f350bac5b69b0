/* The JSON that rare messages of the lane hold, after a kind and numbers. */

import { type Reader, Writer } from "./varint.js";

// Browsers and Node both have these two. This layer sees the types of neither.
declare class TextEncoder {
  encode(text: string): Uint8Array;
}
declare class TextDecoder {
  constructor(label: "utf-8", options: { fatal: true });
  decode(bytes: Uint8Array): string;
}

export function withJson(kind: number, numbers: readonly number[], value: unknown): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(value));
  const writer = new Writer(8 + numbers.length * 8 + text.length);
  writer.varint(kind);
  for (const number of numbers) writer.varint(number);
  writer.copy(text);
  return writer.bytes();
}

/** In an object, so that `null` and `false` are values too. */
export function readJson(reader: Reader): { readonly value: unknown } | undefined {
  const bytes = reader.rest();
  if (reader.failed) return undefined;
  try {
    return { value: JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) };
  } catch {
    return undefined;
  }
}

export function readNamed(reader: Reader): readonly [name: string, value: unknown] | undefined {
  const value = readJson(reader)?.value;
  if (!Array.isArray(value) || value.length !== 2) return undefined;
  const [name, payload]: unknown[] = value;
  return typeof name === "string" ? [name, payload] : undefined;
}
