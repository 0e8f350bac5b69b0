/* Counts in texts for people. */

import assert from "node:assert/strict";
import test from "node:test";
import { countOf } from "../../../src/protocol/count.js";

test("only one is singular, and thousands are grouped", () => {
  assert.deepEqual(
    [0, 1, 2, 65_536].map((count) => countOf(count, "cell")),
    ["0 cells", "1 cell", "2 cells", "65,536 cells"],
  );
});

test("a plural that is not the singular with an s is named", () => {
  assert.equal(countOf(1, "box was", "boxes were"), "1 box was");
  assert.equal(countOf(2, "box was", "boxes were"), "2 boxes were");
});
