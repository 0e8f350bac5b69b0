/*
 * The bodies of pages over HTTP: the whole bitmap, compressed as the client can take it. A crowd asks for the same pages at
 * the same positions, so what was compressed is kept for a while; the bound is on how much.
 */

import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { bitmapBytes } from "../../board/bitmap.js";
import type { Snapshot } from "../../board/delta.js";
import { keepNewest } from "../../board/keep-newest.js";
import { formatPosition } from "../../board/position.js";

export type Coding = "br" | "gzip" | "identity";

/** The codings offered, the best first. */
export const CODINGS: readonly Coding[] = ["br", "gzip", "identity"];

/** Bodies kept, of at most about 8 KiB each. */
const KEPT_MAX = 512;
/** Random bits do not shrink, and sparse ones do at any effort: more of it costs CPU and gains little. */
const BROTLI_QUALITY = 4;

const brotli = promisify(brotliCompress);
const gzipped = promisify(gzip);

export class PageBodies {
  /** In the order of last use. */
  readonly #kept = new Map<string, Promise<Buffer>>();

  /** The body of a page of `cells` cells. */
  encode(board: string, snapshot: Snapshot, cells: number, coding: Coding): Promise<Buffer> {
    if (coding === "identity") return Promise.resolve(whole(snapshot, cells));
    const key = `${board}:${snapshot.page} ${formatPosition(snapshot.position)} ${cells} ${coding}`;
    const body = this.#kept.get(key) ?? compress(whole(snapshot, cells), coding);
    this.#kept.delete(key);
    this.#kept.set(key, body);
    keepNewest(this.#kept, KEPT_MAX);
    return body;
  }
}

function whole({ bits }: Snapshot, cells: number): Buffer {
  const body = Buffer.alloc(bitmapBytes(cells));
  body.set(bits);
  return body;
}

function compress(body: Buffer, coding: "br" | "gzip"): Promise<Buffer> {
  if (coding === "gzip") return gzipped(body);
  return brotli(body, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
    },
  });
}
