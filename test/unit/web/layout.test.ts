import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { moveByKey } from "../../../src/web/keys.js";
import { columnsOf, gridOf } from "../../../src/web/layout.js";

describe("keys in the grid of a small board", () => {
  // Three rows of ten columns; the last row has five cells.
  const grid = gridOf(25, 10, 2);
  const move = (key: string, cell: number, ctrlKey = false) => moveByKey({ key, ctrlKey }, cell, grid);

  test("arrows stay in their row and column, and at the edges", () => {
    assert.deepEqual([move("ArrowRight", 9), move("ArrowRight", 24), move("ArrowRight", 3)], [9, 24, 4]);
    assert.deepEqual([move("ArrowLeft", 10), move("ArrowUp", 3), move("ArrowDown", 3)], [10, 3, 13]);
    assert.equal(move("ArrowDown", 17), 17, "there is no cell below");
  });

  test("Home, End, Page Up and Page Down go along rows and columns, with Ctrl to the ends", () => {
    assert.deepEqual([move("Home", 17), move("End", 11), move("End", 21)], [10, 19, 24]);
    assert.deepEqual([move("Home", 17, true), move("End", 3, true)], [0, 24]);
    assert.deepEqual([move("PageDown", 3), move("PageDown", 7), move("PageUp", 23)], [23, 17, 3]);
    assert.equal(move("a", 3), undefined);
  });

  test("a board is about square, with at most 100 columns", () => {
    assert.deepEqual([1, 25, 100, 10_000, 100_000].map(columnsOf), [1, 5, 10, 100, 100]);
  });
});
