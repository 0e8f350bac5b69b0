/*
 * A page as the embedded store writes it. It is one record, so that one read returns bits and
 * position of the same moment.
 *
 *     version f64 · tag 6 bytes · checked u32 · generation u8 · generation start f64
 *     bits, without zero bytes at the end
 */

import { usedBytes } from "../../board/bitmap.js";
import { PAGE_CELLS } from "../../board/geometry.js";
import { GENESIS, type Position } from "../../board/position.js";
import { DamagedPage } from "../damage.js";
import { PAGE_BYTES } from "../logged.js";

export interface StoredPage {
  position: Position;
  checked: number;
  /** The current generation of remembered sessions (0 or 1), and its start in ms since 1970. */
  generation: number;
  generationStart: number;
  bits: Uint8Array;
}

export const UNTOUCHED: Readonly<StoredPage> = {
  position: GENESIS,
  checked: 0,
  generation: 0,
  generationStart: 0,
  bits: new Uint8Array(0),
};

const HEADER_BYTES = 27;

export function encodePage(page: StoredPage): Buffer {
  const used = page.bits.subarray(0, usedBytes(page.bits));
  const record = Buffer.alloc(HEADER_BYTES + used.length);
  record.writeDoubleBE(page.position.version, 0);
  record.write(page.position.tag, 8, "base64url");
  record.writeUInt32BE(page.checked, 14);
  record.writeUInt8(page.generation, 18);
  record.writeDoubleBE(page.generationStart, 19);
  record.set(used, HEADER_BYTES);
  return record;
}

/** Decodes the record except for its bits. Throws DamagedPage, as decodePage does. */
export function decodeHead(record: Buffer): { position: Position; checked: number } {
  const isWhole = record.length >= HEADER_BYTES && record.length <= HEADER_BYTES + PAGE_BYTES;
  const [version, checked] = isWhole ? [record.readDoubleBE(0), record.readUInt32BE(14)] : [-1, 0];
  if (!Number.isSafeInteger(version) || version < 0 || checked > PAGE_CELLS || record.readUInt8(18) > 1) {
    throw new DamagedPage(`a page's record of ${record.length} bytes is not valid`);
  }
  return { position: { version, tag: record.toString("base64url", 8, 14) }, checked };
}

export function decodePage(record: Buffer): StoredPage {
  return {
    ...decodeHead(record),
    generation: record.readUInt8(18),
    generationStart: record.readDoubleBE(19),
    bits: new Uint8Array(record.subarray(HEADER_BYTES)),
  };
}
