/*
 * The bodies of pages over HTTP: the whole bitmap, compressed if the client accepts it. Some bodies
 * are kept, because many clients request the same pages at the same positions.
 */

import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import { bitmapBytes } from "../../board/bitmap.js";
import type { Snapshot } from "../../board/delta.js";
import { keepNewest } from "../../board/keep-newest.js";
import { formatPosition } from "../../board/position.js";

type Coding = "br" | "gzip" | "identity";

/** The best first. */
export const CODINGS: readonly Coding[] = ["br", "gzip", "identity"];

/** Each body has at most about 8 KiB. */
const KEPT_MAX = 512;
/** Random bits never shrink and sparse bits always do, so more effort gains little. */
const BROTLI_QUALITY = 4;

const brotli = promisify(brotliCompress);
const gzipped = promisify(gzip);

export class PageBodies {
  /** Least recently used first. */
  readonly #kept = new Map<string, Promise<Buffer>>();

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
