/* The union of the ranges that are watched, against a set of cells. */

import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { CellRange } from "../../../../src/client/api/board.js";
import { WatchedRanges } from "../../../../src/client/watching/watched-ranges.js";

const CELLS = 24;
const anyRange = fc
  .tuple(fc.nat(CELLS - 1), fc.integer({ min: 1, max: 8 }))
  .map(([start, length]): CellRange => ({ start, end: start + length }));

function cellsOf(ranges: readonly CellRange[]): number[] {
  return ranges.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, index) => start + index));
}

test("has the cells of all ranges that were added and not deleted, and knows what a further one would add", () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(anyRange, fc.boolean())), anyRange, (steps, further) => {
      const watched = new WatchedRanges();
      const held: CellRange[] = [];
      for (const [range, isAdded] of steps) {
        if (isAdded) {
          watched.add(range);
          held.push(range);
        } else {
          const gone = held.shift();
          if (gone) watched.delete(gone);
        }
        const cells = new Set(cellsOf(held));
        for (let cell = 0; cell < CELLS + 8; cell++) assert.equal(watched.has(cell), cells.has(cell), String(cell));
        const missing = watched.missing(further);
        assert.deepEqual(
          cellsOf(missing),
          cellsOf([further]).filter((cell) => !cells.has(cell)),
        );
      }
    }),
  );
});

test("keeps a range that was added twice until both are deleted, and knows ranges without an end", () => {
  const watched = new WatchedRanges();
  const [one, other] = [
    { start: 3, end: Number.POSITIVE_INFINITY },
    { start: 3, end: Number.POSITIVE_INFINITY },
  ];
  watched.add(one);
  watched.add(other);
  watched.delete(one);
  assert.deepEqual([watched.has(2), watched.has(3), watched.has(1e12)], [false, true, true]);
  watched.delete(other);
  assert.equal(watched.has(3), false);
});
