/* Content codings: which of them a request accepts, and compression of a body on the way. */

import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";
import type { Request } from "express";

export type Coding = "br" | "gzip";

/** In order of preference. Browsers list gzip first, and accept both alike. */
const CODINGS: readonly Coding[] = ["br", "gzip"];

/** Low effort suffices, because random bits never shrink, and sparse bits and text always do. */
const BROTLI_QUALITY = 4;

const brotli = promisify(brotliCompress);
const gzipped = promisify(gzip);

/** The codings that the client accepts, the smallest first. */
export function codingsFor(request: Request): readonly Coding[] {
  return CODINGS.filter((coding) => request.acceptsEncodings(coding) === coding);
}

export function compress(body: Buffer, coding: Coding): Promise<Buffer> {
  if (coding === "gzip") return gzipped(body);
  return brotli(body, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: BROTLI_QUALITY,
      [constants.BROTLI_PARAM_SIZE_HINT]: body.length,
    },
  });
}
