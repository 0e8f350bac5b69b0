/*
 * Puts copies in brotli and gzip beside the text files of the built app, each with the most effort.
 * An instance sends them as they are (src/server/http/browser/assets.ts). index.html has none: the
 * instance writes its head for each board.
 */

import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { extname, join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const TEXTS = new Set([".css", ".html", ".js", ".svg", ".webmanifest"]);
const WRITTEN_BY_THE_INSTANCE = "index.html";

export function compressAssets(folder) {
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !TEXTS.has(extname(entry.name)) || entry.name === WRITTEN_BY_THE_INSTANCE) continue;
    const path = join(entry.parentPath, entry.name);
    const text = readFileSync(path);
    const params = { [constants.BROTLI_PARAM_SIZE_HINT]: text.length };
    for (const [ending, copy] of [
      [".br", brotliCompressSync(text, { params })],
      [".gz", gzipSync(text, { level: constants.Z_BEST_COMPRESSION })],
    ]) {
      if (copy.length < text.length) writeFileSync(path + ending, copy);
    }
  }
}
