/*
 * A board as a file: lines of JSON, which any tool can stream, cut, read and compress.
 *
 *     {"socketscaler":"board","format":1,"board":"main","size":1000000000,"fromPage":0}
 *     {"page":7,"position":"12.q83vEjRW","checked":3,"crc32":907060870,"deflate":"Y2BgaGBgAAA="}
 *     {"end":true,"pages":1,"checked":3}
 *
 * On a board with claims, a page's line also has `claims`. Each is an offset, the owner, and the
 * end of the hold in ms since 1970, or null if it has no end.
 *
 * A page's bits are its bitmap without trailing zero bytes, deflated (RFC 1951), in base64. `crc32`
 * is the checksum of the bitmap. Pages without checked cells have no line. `position` is for human
 * readers; nothing depends on it. A file without its last line is incomplete.
 */

import { crc32, deflateRawSync, inflateRawSync } from "node:zlib";
import { bitmapBytes, countBits, usedBytes } from "../../board/bitmap.js";
import type { Snapshot } from "../../board/delta.js";
import { BOARD_CELLS_MAX, PAGE_CELLS } from "../../board/geometry.js";
import { formatPosition } from "../../board/position.js";
import { OWNER } from "../claims.js";

const FORMAT = 1;

export interface FileHeader {
  readonly board: string;
  /** Number of cells. */
  readonly size: number;
  /** The first page that the file covers. */
  readonly fromPage: number;
}

interface FilePage {
  readonly page: number;
  /** Without trailing zero bytes. */
  readonly bits: Uint8Array;
  readonly claims: readonly FileClaim[];
}

export type FileClaim = readonly [offset: number, owner: string, endMs: number | null];

export interface FileEnd {
  readonly pages: number;
  readonly checked: number;
}

/** The file does not follow the format. The message is for the person at the terminal. */
export class BadFile extends Error {}

export function writeHeader({ board, size, fromPage }: FileHeader): string {
  return `${JSON.stringify({ socketscaler: "board", format: FORMAT, board, size, fromPage })}\n`;
}

export function writePage(
  { page, position, bits }: Snapshot,
  claims: readonly FileClaim[] = [],
): { readonly line: string; readonly checked: number } {
  const used = bits.subarray(0, usedBytes(bits));
  const deflate = deflateRawSync(used).toString("base64");
  const checked = countBits(used);
  const record = { page, position: formatPosition(position), checked, crc32: crc32(used), deflate };
  const owned = claims.length > 0 ? { claims } : {};
  return { line: `${JSON.stringify({ ...record, ...owned })}\n`, checked };
}

export function writeEnd({ pages, checked }: FileEnd): string {
  return `${JSON.stringify({ end: true, pages, checked })}\n`;
}

export function readHeader(firstLine: string): FileHeader {
  // Some editors put a byte-order mark in front.
  const line = firstLine.replace(/^\uFEFF/, "");
  if (!line.startsWith("{")) {
    throw new BadFile("this is not an exported board: its first line is not JSON in UTF-8 (is the file compressed?)");
  }
  const { socketscaler, format, board, size, fromPage } = parse(
    line,
    "socketscaler",
    "format",
    "board",
    "size",
    "fromPage",
  );
  if (socketscaler !== "board")
    throw new BadFile("this is not an exported board: name a file that `socketscaler export` wrote");
  if (format !== FORMAT)
    throw new BadFile(
      `the file has format ${format}, but this version reads format ${FORMAT}: use the version that wrote the file`,
    );
  if (
    typeof board !== "string" ||
    !isWhole(size, BOARD_CELLS_MAX) ||
    !isWhole(fromPage, BOARD_CELLS_MAX / PAGE_CELLS)
  ) {
    throw new BadFile("the file's first line is damaged: export the board again");
  }
  return { board, size, fromPage };
}

/** Reads a page or, at the end of the file, its totals. */
export function readRecord(line: string): FilePage | FileEnd {
  const record = parse(line, "page", "checked", "crc32", "deflate", "claims", "end", "pages");
  const { page, checked, deflate, claims = [], end, pages } = record;
  if (end === true && isWhole(pages, PAGE_CELLS) && isWhole(checked, BOARD_CELLS_MAX)) return { pages, checked };
  if (!isWhole(page, BOARD_CELLS_MAX / PAGE_CELLS) || typeof deflate !== "string")
    throw new BadFile("a line is damaged");
  const bits = inflate(deflate);
  if (!bits || crc32(bits) !== record.crc32 || countBits(bits) !== checked) {
    throw new BadFile(`page ${page} is damaged (its checksum does not match)`);
  }
  if (!Array.isArray(claims) || !claims.every(isClaim))
    throw new BadFile(`page ${page} is damaged (its claims are not valid)`);
  return { page, bits: bits.subarray(0, usedBytes(bits)), claims };
}

function parse<Name extends string>(line: string, ...names: Name[]): Record<Name, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw new BadFile("a line is incomplete, because the file was cut off or damaged");
  }
  const record = new Map(Object.entries(typeof value === "object" && value !== null ? value : {}));
  // Every name has an entry, so the cast is safe.
  return Object.fromEntries(names.map((name) => [name, record.get(name)])) as Record<Name, unknown>;
}

function inflate(text: string): Uint8Array | undefined {
  try {
    return inflateRawSync(Buffer.from(text, "base64"), { maxOutputLength: bitmapBytes(PAGE_CELLS) });
  } catch {
    return undefined;
  }
}

function isClaim(value: unknown): value is FileClaim {
  const [offset, owner, endMs]: readonly unknown[] = Array.isArray(value) ? value : [];
  const isEnd = endMs === null || isWhole(endMs, Number.MAX_SAFE_INTEGER);
  return isWhole(offset, PAGE_CELLS - 1) && typeof owner === "string" && OWNER.test(owner) && isEnd;
}

function isWhole(value: unknown, max: number): value is number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 && value <= max;
}
