import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MARK_MS, MARKED_CELLS_MAX, Marks } from "../../../../../src/web/canvas/held/marks.js";

describe("marks", () => {
  test("last their time, and are bounded", () => {
    const marks = new Marks();
    for (let cell = 0; cell < 1_000; cell++) marks.put("flash", cell, 0);
    assert.equal([...marks.of("flash", 10)].length, MARKED_CELLS_MAX);
    assert.deepEqual([...marks.of("flash", MARK_MS.flash)], []);
    assert.equal(marks.isEmpty, true);
    marks.put("found", 1, 0);
    marks.put("found", 2, 0);
    assert.deepEqual([...marks.of("found", 0)], [[2, 1]], "one place is found at a time");
  });
});
