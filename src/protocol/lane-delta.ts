/*
 * Deltas as messages of the lane, in two forms.
 *
 *     delta         kind · handle · page · to.version · steps · from.tag · to.tag · changes
 *     continuation  kind · steps · to.tag · changes
 *
 * A continuation begins at the page and position that were sent last on its connection, so it names
 * neither. `steps` is to.version - from.version.
 */

import type { Delta } from "../board/delta.js";
import type { Position } from "../board/position.js";
import { type CodedChanges, decodeChanges, encodeChanges } from "./changes-codec.js";
import { readTag, writeTag } from "./codec.js";
import * as DOWN from "./down-kinds.js";
import { type Reader, Writer } from "./varint.js";

/** The page and position of the last delta or snapshot that was sent on a connection. */
export interface LastSent {
  readonly handle: number;
  readonly page: number;
  readonly position: Position;
}

export interface DecodedDelta {
  readonly kind: "delta";
  readonly handle: number;
  readonly delta: Delta;
}

/**
 * Both encodings of a delta: whole, and as a continuation of what was sent last. The changes in
 * them are coded once.
 */
export class LaneDelta {
  readonly #handle: number;
  readonly #delta: Delta;
  #coded: CodedChanges | undefined;

  constructor(handle: number, delta: Delta) {
    this.#handle = handle;
    this.#delta = delta;
  }

  get whole(): Uint8Array {
    const { isRice, bytes } = this.#changes();
    const writer = new Writer(48 + bytes.length);
    writer.varint(isRice ? DOWN.riceDelta : DOWN.delta);
    writeWhole(writer, this.#handle, this.#delta, bytes);
    return writer.bytes();
  }

  get continuation(): Uint8Array {
    const { isRice, bytes } = this.#changes();
    const { from, to } = this.#delta;
    const writer = new Writer(16 + bytes.length);
    writer.varint(isRice ? DOWN.riceContinuation : DOWN.continuation);
    writer.varint(to.version - from.version);
    writeTag(writer, to.tag);
    writer.copy(bytes);
    return writer.bytes();
  }

  #changes(): CodedChanges {
    this.#coded ??= encodeChanges(this.#delta.changes);
    return this.#coded;
  }
}

/** Writes a delta after its kind: at most 44 bytes and `changes`, which are coded already. */
export function writeWhole(writer: Writer, handle: number, { page, from, to }: Delta, changes: Uint8Array): void {
  writer.varint(handle);
  writer.varint(page);
  writer.varint(to.version);
  writer.varint(to.version - from.version);
  writeTag(writer, from.tag);
  writeTag(writer, to.tag);
  writer.copy(changes);
}

/** The rest of a delta after its kind. */
export function readWhole(reader: Reader, isRice: boolean): DecodedDelta | undefined {
  const handle = reader.varint();
  const page = reader.varint();
  const version = reader.varint();
  const steps = reader.varint();
  const from = { version: version - steps, tag: readTag(reader) };
  return readFrom(reader, isRice, { handle, page, position: from }, steps);
}

/** The rest of a continuation after its kind. */
export function readContinuation(reader: Reader, isRice: boolean, last: LastSent): DecodedDelta | undefined {
  return readFrom(reader, isRice, last, reader.varint());
}

function readFrom(reader: Reader, isRice: boolean, base: LastSent, steps: number): DecodedDelta | undefined {
  const { handle, page, position: from } = base;
  const to = { version: from.version + steps, tag: readTag(reader) };
  if (reader.failed || steps < 1 || from.version < 0 || !Number.isSafeInteger(to.version)) return undefined;
  const changes = decodeChanges(reader, isRice);
  return changes && { kind: "delta", handle, delta: { kind: "delta", page, from, to, changes } };
}
