/* A page at moments of its past, against a naive replay from the beginning. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type Bit, setBit } from "../../../../../src/board/bitmap.js";
import { packChanges } from "../../../../../src/board/delta.js";
import { PageReplay } from "../../../../../src/web/canvas/replay/page-replay.js";

const CELLS = 64;
const change = fc.tuple(fc.nat(CELLS - 1), fc.constantFrom<Bit>(0, 1));
const step = fc.tuple(fc.nat(50), fc.array(change, { maxLength: 6 }));

describe("the replay of a page", () => {
  test("shows at every moment what the changes up to then make, however one moves, and tells what changed", () => {
    fc.assert(
      fc.property(fc.array(step), fc.array(change), fc.array(fc.nat(2_000)), (steps, before, moments) => {
        const start = new Uint8Array(CELLS / 8);
        for (const [offset, value] of before) setBit(start, offset, value);
        let ms = 0;
        const record = steps.map(([waitMs, changes]) => {
          ms += waitMs;
          return { ms, changes: packChanges(changes), made: changes };
        });
        const replay = new PageReplay(start, record);
        const told = start.slice();
        for (const moment of moments) {
          replay.moveTo(moment, (offset, value) => setBit(told, offset, value ? 1 : 0));
          const naive = start.slice();
          for (const { ms, made } of record) {
            if (ms <= moment) for (const [offset, value] of made) setBit(naive, offset, value);
          }
          assert.deepEqual(replay.bits, naive);
          assert.deepEqual(told, naive);
        }
      }),
    );
  });
});
