/* Where cells lie on the plane: a law for every board, and places that must never change. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { BOARD_CELLS_MAX } from "../../../src/board/geometry.js";
import { cellAt, pageAt, placeOf, placeOfPage, planeOf } from "../../../src/board/plane.js";

describe("the plane", () => {
  test("a small board is a square of its own", () => {
    for (const [size, columns, rows] of [
      [1, 1, 1],
      [2, 2, 1],
      [99, 10, 10],
      [10_000, 100, 100],
    ] as const) {
      const plane = planeOf(size);
      assert.deepEqual([plane.columns, plane.rows], [columns, rows], `${size}`);
    }
  });

  test("every cell has a place of its own, and the place leads back to it", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: BOARD_CELLS_MAX }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (size, share) => {
          const plane = planeOf(size);
          const cell = Math.min(size - 1, Math.floor(share * size));
          const { x, y } = placeOf(plane, cell);
          assert.ok(x >= 0 && x < plane.columns && y >= 0 && y < plane.rows);
          assert.equal(cellAt(plane, { x, y }), cell);
        },
      ),
    );
  });

  test("pages lie in shells round the first, wherever the board ends", () => {
    const picture = [
      [0, 1, 4, 9],
      [2, 3, 5, 10],
      [6, 7, 8, 11],
      [12, 13, 14, 15],
    ];
    for (const [y, row] of picture.entries()) {
      for (const [x, page] of row.entries()) {
        assert.deepEqual(placeOfPage(page), { x, y });
        assert.equal(pageAt(planeOf(16 * 65_536), x, y), page);
        assert.equal(pageAt(planeOf(5 * 65_536), x, y), page < 5 ? page : undefined);
      }
    }
  });

  test("a board is as wide as high, but for a shell that is not whole", () => {
    const measure = (size: number) => {
      const { pageColumns, pageRows, columns, rows } = planeOf(size);
      return [pageColumns, pageRows, columns, rows];
    };
    assert.deepEqual(measure(1), [1, 1, 1, 1]);
    assert.deepEqual(measure(100), [1, 1, 10, 10]);
    assert.deepEqual(measure(10_000), [1, 1, 100, 100]);
    assert.deepEqual(measure(20_000), [1, 1, 256, 79]);
    assert.deepEqual(measure(2 * 65_536), [2, 1, 512, 256]);
    assert.deepEqual(measure(1_000_000), [4, 4, 1_024, 1_024]);
    assert.deepEqual(measure(1_000_000_000), [124, 124, 31_744, 31_744]);
  });

  test("past the last cell there is nothing", () => {
    const plane = planeOf(1_000_000);
    const { x, y } = placeOf(plane, 999_999);
    assert.equal(cellAt(plane, { x: x + 1, y }), undefined);
    assert.equal(cellAt(plane, { x, y: y + 1 }), undefined);
    assert.equal(cellAt(plane, { x: -1, y }), undefined);
  });
});
