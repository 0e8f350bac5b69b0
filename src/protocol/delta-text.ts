/*
 * Deltas as text, for Socket.IO and for recorded pages: a lane's delta with varints (lane-delta.ts)
 * without its kind, in base64url.
 */

import type { Delta } from "../board/delta.js";
import { toBase64url } from "./base64url.js";
import { varintsOf } from "./changes-codec.js";
import type { Framed } from "./codec.js";
import { fromBase64url } from "./from-base64url.js";
import { readWhole, writeWhole } from "./lane-delta.js";
import { Reader, Writer } from "./varint.js";

export function encodeDelta(handle: number, delta: Delta): string {
  const changes = varintsOf(delta.changes);
  const writer = new Writer(44 + changes.length);
  writeWhole(writer, handle, delta, changes);
  return toBase64url(writer.bytes());
}

export function decodeDelta(text: string): Framed<Delta> | undefined {
  const bytes = fromBase64url(text);
  const decoded = bytes && readWhole(new Reader(bytes), false);
  return decoded && { handle: decoded.handle, content: decoded.delta };
}
