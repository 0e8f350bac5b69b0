/*
 * Changes as the stores keep them: three bytes each, the offset (16 bits, most significant first) and the value. Fixed
 * width, because the Lua script walks them byte by byte.
 */

import { type Changes, changedOffset, changedValue, packChanges } from "../board/delta.js";

const CHANGE_BYTES = 3;

export function encodeOps(changes: Changes): Buffer {
  const bytes = Buffer.allocUnsafe(changes.length * CHANGE_BYTES);
  let at = 0;
  for (const change of changes) {
    at = bytes.writeUInt16BE(changedOffset(change), at);
    at = bytes.writeUInt8(changedValue(change), at);
  }
  return bytes;
}

/** Takes them in the order they were made: of several to one cell the last wins. */
export function decodeOps(bytes: Buffer): Changes {
  return packChanges(eachOp(bytes));
}

function* eachOp(bytes: Buffer): Iterable<[number, 0 | 1]> {
  for (let at = 0; at + CHANGE_BYTES <= bytes.length; at += CHANGE_BYTES) {
    yield [bytes.readUInt16BE(at), bytes.readUInt8(at + 2) ? 1 : 0];
  }
}
