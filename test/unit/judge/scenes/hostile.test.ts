/* Which boxes the judge takes for damaged by its hostile messages. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { changedCells } from "../../../../src/judge/scenes/hostile.js";

test("a box is damaged if it changed and the judge did not click it", () => {
  const before = [false, true, false, true];
  assert.deepEqual(changedCells(before, before, new Set()), []);
  assert.deepEqual(changedCells(before, [true, true, true, false], new Set([2])), [0, 3]);
});
