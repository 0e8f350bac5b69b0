/* How much a browser loads: within its bounds, and as docs/measured.md says. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, test } from "node:test";
import { measureSizes, type Size } from "../scripts/sizes.js";

/** So much may a build differ from what is written: past that, `npm run sizes` is to write it anew. */
const DRIFT = 0.05;

describe("what a browser loads", () => {
  let sizes: Size[];
  before(async () => {
    sizes = await measureSizes();
  });

  test("is within its bounds, compressed", () => {
    for (const { name, brotli, brotliMax } of sizes) {
      assert.ok(brotli <= brotliMax, `${name}: ${brotli} bytes with brotli, of at most ${brotliMax}`);
    }
  });

  test("has in each row what must be there", () => {
    for (const { name, raw, gzip, brotli } of sizes) {
      assert.ok(raw > gzip && gzip > brotli && brotli > 1_000, name);
    }
    const [board, , , , client, socketIo] = sizes.map(({ raw }) => raw);
    assert.ok(board && client && socketIo);
    assert.ok(board > 100_000, "the canvas is in it");
    assert.ok(client > 30_000, "the client is in its bundle");
    assert.ok(socketIo > 35_000, "socket.io-client is in a file of its own");
  });

  test("is what docs/measured.md says, to a twentieth", () => {
    const text = readFileSync(new URL("../docs/measured.md", import.meta.url), "utf8").split("<!-- sizes")[1] ?? "";
    for (const { name, raw, gzip, brotli, brotliMax } of sizes) {
      const row = text.split("\n").find((line) => line.startsWith(`| ${name} |`));
      assert.ok(row, `no row for ${name}`);
      const [, , ...told] = row.split("|").map((cell) => Number.parseFloat(cell) * 1_000);
      for (const [index, bytes] of [raw, gzip, brotli, brotliMax].entries()) {
        const drift = Math.abs((told[index] ?? 0) - bytes) / bytes;
        assert.ok(drift <= DRIFT, `${name}: ${bytes} bytes, and the document says ${told[index]}: npm run sizes`);
      }
    }
  });
});
