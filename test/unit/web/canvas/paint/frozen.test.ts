import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { PAGE_CELLS } from "../../../../../src/board/geometry.js";
import { cellAt, planeOf } from "../../../../../src/board/plane.js";
import { rectanglesOf } from "../../../../../src/web/canvas/paint/frozen.js";

test("the rectangles of a frozen range cover its cells, each once, and nothing else", () => {
  const pages = 7;
  const plane = planeOf(pages * PAGE_CELLS);
  const offset = fc.oneof(
    fc.nat(PAGE_CELLS - 1),
    fc.nat(255).map((row) => row * 256),
    fc.nat(600),
  );
  fc.assert(
    fc.property(fc.nat(pages - 1), offset, offset, (page, one, other) => {
      const [start, end] = [Math.min(one, other), Math.max(one, other) + 1].map((at) => page * PAGE_CELLS + at);
      assert.ok(start !== undefined && end !== undefined);
      const seen = new Set<number>();
      let cells = 0;
      for (const { x, y, columns, rows } of rectanglesOf(plane, { start, end })) {
        assert.ok(columns > 0 && rows > 0);
        cells += columns * rows;
        for (const [across, down] of [
          [0, 0],
          [columns - 1, 0],
          [0, rows - 1],
          [columns - 1, rows - 1],
        ] as const) {
          const cell = cellAt(plane, { x: x + across, y: y + down }) ?? -1;
          assert.ok(cell >= start && cell < end, `${cell}`);
          seen.add(cell);
        }
      }
      // As many cells as the range has, in rectangles within it that do not meet: so all of them.
      assert.equal(cells, end - start);
      assert.ok(seen.has(start) && seen.has(end - 1));
    }),
    { numRuns: 300 },
  );
});
