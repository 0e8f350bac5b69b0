import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { cellAt, placeOf, planeOf } from "../../../../../src/board/plane.js";
import { moveOnPlane } from "../../../../../src/web/canvas/focus/keys.js";

describe("keys on the plane", () => {
  const plane = planeOf(1_000_000);
  const move = (key: string, cell: number, ctrlKey = false) => moveOnPlane({ key, ctrlKey }, cell, plane, 10);

  test("arrows go from page to page as the eye does, and stay at edges and holes", () => {
    assert.equal(move("ArrowRight", 255), 65_536, "from page 0 to page 1, beside it");
    assert.equal(move("ArrowDown", 255 * 256), 2 * 65_536, "from page 0 to page 2, below it");
    assert.equal(move("ArrowLeft", 0), 0);
    assert.equal(move("ArrowDown", 999_999), 999_999, "below is a hole");
  });

  test("Home, End, Page Up and Page Down go along rows and columns, with Ctrl to the ends", () => {
    assert.equal(move("Home", 65_536 + 7), 0);
    assert.equal(move("End", 0), 9 * 65_536 + 255);
    assert.equal(move("End", 9 * 65_536 + 255), 9 * 65_536 + 255);
    assert.equal(move("Home", 500_000, true), 0);
    assert.equal(move("End", 0, true), 999_999);
    assert.equal(move("PageDown", 0), 10 * 256);
    assert.equal(move("PageUp", 3 * 256), 0);
    assert.equal(move("PageDown", 999_999 - 2 * 256), 999_999, "no further than there are cells");
    assert.equal(move("a", 5), undefined);
  });

  test("End goes to the row's last cell, wherever the board ends in it", () => {
    assert.equal(move("End", 999_990), 999_999);
    assert.equal(move("End", 999_999), 999_999);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 600_000 }), fc.double({ min: 0, max: 1, noNaN: true }), (size, share) => {
        const board = planeOf(size);
        const cell = Math.min(size - 1, Math.floor(share * size));
        const { y } = placeOf(board, cell);
        let x = board.columns - 1;
        while (cellAt(board, { x, y }) === undefined) x--;
        assert.equal(moveOnPlane({ key: "End", ctrlKey: false }, cell, board, 10), cellAt(board, { x, y }));
      }),
    );
    assert.equal(moveOnPlane({ key: "End", ctrlKey: false }, 19_970, planeOf(20_000), 10), 19_999);
  });

  test("from any cell, any key leads to a cell", () => {
    const keys = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "Home", "End", "PageUp", "PageDown"];
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 999_999 }),
        fc.constantFrom(...keys),
        fc.boolean(),
        (cell, key, ctrlKey) => {
          const to = move(key, cell, ctrlKey);
          assert.ok(to !== undefined && to >= 0 && to < 1_000_000);
        },
      ),
    );
  });
});
