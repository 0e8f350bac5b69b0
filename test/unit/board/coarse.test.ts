import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { setBit } from "../../../src/board/bitmap.js";
import { COARSE_BYTES, COARSE_SIDE, coarseOf } from "../../../src/board/coarse.js";

const SIDE = 256;

test("a page's coarse picture counts the cells of each block, where they lie on the plane", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(SIDE * SIDE - 1), { maxLength: 400 }), (cells) => {
      const bits = new Uint8Array(8_192);
      const naive = new Uint8Array(COARSE_BYTES);
      for (const cell of new Set(cells)) {
        setBit(bits, cell, 1);
        const [x, y] = [cell % SIDE, Math.floor(cell / SIDE)];
        const block = Math.floor(y / COARSE_SIDE) * COARSE_SIDE + Math.floor(x / COARSE_SIDE);
        naive[block] = (naive[block] ?? 0) + 1;
      }
      assert.deepEqual(coarseOf(bits), naive);
      const used = bits.findLastIndex((byte) => byte > 0) + 1;
      assert.deepEqual(coarseOf(bits.subarray(0, used)), naive, "without the zeros at the end");
    }),
  );
});

test("full blocks, and those that lack one cell, are 255; empty ones 0", () => {
  const bits = new Uint8Array(8_192).fill(255);
  assert.ok(coarseOf(bits).every((count) => count === 255));
  setBit(bits, 0, 0);
  assert.equal(coarseOf(bits)[0], 255);
  assert.ok(coarseOf(new Uint8Array(8_192)).every((count) => count === 0));
});
