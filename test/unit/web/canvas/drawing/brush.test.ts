/*
 * Drawing: lines without holes, strokes that set each cell once, undo and redo on a board that
 * others change too.
 */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { planeOf } from "../../../../../src/board/plane.js";
import { Brush, FILL_CELLS_MAX, placesBetween } from "../../../../../src/web/canvas/drawing/brush.js";

function make(mayChange: (cell: number) => boolean = () => true, isHere: (cell: number) => boolean = () => true) {
  const cells = new Map<number, boolean>();
  const sets: [number, boolean][] = [];
  const locked: number[] = [];
  const acknowledge: (() => void)[] = [];
  const missed: [first: number, cells: number][] = [];
  const brush = new Brush({
    plane: planeOf(20_000),
    read: (cell) => (isHere(cell) ? (cells.get(cell) ?? false) : undefined),
    set: (cell, value) => {
      sets.push([cell, value]);
      cells.set(cell, value);
      return new Promise((done) => acknowledge.push(done));
    },
    mayChange,
    locked: (cell) => locked.push(cell),
    missed: (cell, cells) => missed.push([cell, cells]),
    sent: () => undefined,
  });
  return { brush, cells, sets, locked, missed, acknowledge };
}

/** And lets the promises run that wait for it. */
async function acknowledgeAll(waiting: (() => void)[]): Promise<void> {
  for (const acknowledge of waiting.splice(0)) acknowledge();
  await Promise.resolve();
  await Promise.resolve();
}

describe("the brush", () => {
  test("spares what may not be changed, and says so once for each stroke, undo and redo", () => {
    let frozen = new Set([2, 3]);
    const { brush, sets, locked } = make((cell) => !frozen.has(cell));
    brush.tool = "draw";
    assert.equal(brush.start({ x: 2, y: 0 }), true, "the boxes after it may be free");
    brush.moveTo({ x: 3, y: 0 });
    brush.end();
    assert.deepEqual([sets, locked], [[], [2]]);
    assert.equal(brush.start({ x: 0, y: 0 }), true);
    brush.moveTo({ x: 5, y: 0 });
    brush.end();
    assert.deepEqual(
      sets.map(([cell]) => cell),
      [0, 1, 4, 5],
    );
    assert.deepEqual(locked, [2, 2]);
    brush.toggle(3);
    assert.deepEqual(locked, [2, 2, 3]);
    frozen = new Set([4, 5]);
    brush.undo();
    assert.deepEqual(
      sets
        .slice(4)
        .map(([cell]) => cell)
        .toSorted(),
      [0, 1],
    );
    assert.equal(locked.length, 4);
  });

  test("a line has both ends and no hole, whatever its direction", () => {
    const side = fc.integer({ min: -50, max: 50 });
    const place = fc.tuple(side, side).map(([x, y]) => ({ x, y }));
    fc.assert(
      fc.property(place, place, (from, to) => {
        const line = [...placesBetween(from, to)];
        assert.deepEqual([line[0], line.at(-1)], [from, to]);
        assert.equal(line.length, Math.max(Math.abs(to.x - from.x), Math.abs(to.y - from.y)) + 1);
        for (const [index, { x, y }] of line.entries()) {
          const before = line[index - 1];
          if (before) assert.ok(Math.abs(x - before.x) <= 1 && Math.abs(y - before.y) <= 1);
        }
      }),
    );
  });

  test("a stroke checks, whatever its first cell shows, each cell once, and stops at the board's edge", () => {
    const { brush, cells, sets } = make();
    cells.set(0, true);
    cells.set(2, true);
    brush.tool = "draw";
    assert.equal(brush.start({ x: 0, y: 0 }), true);
    brush.moveTo({ x: 4, y: 0 });
    brush.moveTo({ x: 0, y: 0 });
    brush.moveTo({ x: -5, y: 0 });
    brush.end();
    assert.deepEqual(sets, [
      [1, true],
      [3, true],
      [4, true],
    ]);
    assert.equal(brush.start({ x: 0, y: 9_999 }), false, "no cell there");
  });

  test("the eraser only unchecks, as does a pen held upside down; the hand draws nothing", () => {
    const { brush, cells, sets } = make();
    for (const [tool, isEraser] of [
      ["erase", false],
      ["draw", true],
      ["move", true],
    ] as const) {
      cells.clear();
      sets.length = 0;
      cells.set(1, true);
      brush.tool = tool;
      brush.start({ x: 0, y: 0 }, isEraser);
      brush.moveTo({ x: 3, y: 0 });
      brush.end();
      assert.deepEqual(sets, [[1, false]], tool);
    }
    brush.tool = "move";
    assert.equal(brush.start({ x: 0, y: 0 }), false);
  });

  test("a tap with a tool has its value; without one it toggles", () => {
    const { brush, cells } = make();
    for (const [tool, values] of [
      ["draw", [true, true]],
      ["fill", [true, true]],
      ["erase", [false, false]],
      ["clear", [false, false]],
      ["move", [true, false]],
    ] as const) {
      brush.tool = tool;
      for (const [times, value] of values.entries()) {
        brush.tap(7);
        assert.equal(cells.get(7) ?? false, value, `${tool}, ${times}`);
      }
    }
  });

  test("a rectangle is filled or cleared at its end, whatever its first cell shows", () => {
    const { brush, cells, sets } = make();
    cells.set(0, true);
    for (const [tool, changed] of [
      ["fill", 5],
      ["clear", 6],
    ] as const) {
      sets.length = 0;
      brush.tool = tool;
      brush.start({ x: 0, y: 0 });
      brush.moveTo({ x: 2, y: 1 });
      assert.deepEqual(brush.rectangle, { from: { x: 0, y: 0 }, to: { x: 2, y: 1 }, isCut: false });
      assert.equal(sets.length, 0);
      brush.end();
      assert.equal(sets.length, changed);
      assert.equal(brush.rectangle, undefined);
    }
  });

  test("a rectangle has at most the cells it may have, from its first corner, and says so", () => {
    const { brush } = make();
    brush.tool = "fill";
    brush.start({ x: 200, y: 70 });
    brush.moveTo({ x: 1, y: 0 });
    assert.deepEqual(brush.rectangle, { from: { x: 200, y: 70 }, to: { x: 1, y: 21 }, isCut: true });
    assert.equal(200 * 50, FILL_CELLS_MAX);
    brush.moveTo({ x: 190, y: 60 });
    assert.equal(brush.rectangle?.isCut, false);
  });

  test("undo takes back what still stands and writes nothing else; redo draws it again", () => {
    const { brush, cells, sets } = make();
    brush.setAll([1, 2, 3], true);
    brush.toggle(9);
    cells.set(2, false);
    sets.length = 0;
    brush.undo();
    brush.undo();
    assert.deepEqual(sets, [
      [9, false],
      [1, false],
      [3, false],
    ]);
    brush.undo();
    assert.equal(brush.strokes.canUndo, false);
    sets.length = 0;
    cells.set(1, true);
    brush.redo();
    assert.deepEqual(
      sets,
      [
        [2, true],
        [3, true],
      ],
      "cell 1 is checked by somebody else already",
    );
    brush.redo();
    assert.equal(brush.strokes.canRedo, false);
    brush.undo();
    brush.toggle(5);
    assert.equal(brush.strokes.canRedo, false, "after a new stroke there is nothing to redo");
  });

  test("refused cells leave their stroke, and a wholly refused stroke disappears", () => {
    const { brush, cells } = make();
    brush.setAll([1, 2], true);
    brush.setAll([3], true);
    for (const cell of [3, 1]) {
      cells.set(cell, false);
      brush.refused({ cell, value: true });
    }
    assert.deepEqual(brush.strokes.places, [2]);
    brush.undo();
    assert.equal(cells.get(2), false);
    assert.equal(brush.strokes.canUndo, false);
  });

  test("an undo that was refused leaves its stroke to be undone again, and those under it whole", () => {
    const { brush, cells } = make();
    const refuse = (cell: number, value: boolean) => {
      cells.set(cell, !value);
      brush.refused({ cell, value });
    };
    brush.setAll([5, 6], true);
    brush.setAll([5, 6], false);
    for (const isDropped of [false, true]) {
      brush.undo();
      if (isDropped) brush.toggle(9);
      refuse(5, true);
      refuse(6, true);
      assert.deepEqual(brush.strokes.places, isDropped ? [5, 5, 9] : [5, 5]);
      assert.equal(brush.strokes.canRedo, false, "nothing was taken back");
    }
    brush.undo();
    assert.equal(cells.get(9), false);
    brush.undo();
    assert.deepEqual([cells.get(5), cells.get(6)], [true, true]);
    brush.undo();
    assert.deepEqual([cells.get(5), cells.get(6)], [false, false]);
    assert.equal(brush.strokes.canUndo, false);
  });

  test("of an undo that was refused in part, that part is undone again and the rest drawn again", () => {
    const { brush, cells } = make();
    brush.setAll([5, 6], true);
    brush.undo();
    cells.set(5, true);
    brush.refused({ cell: 5, value: false });
    assert.deepEqual([brush.strokes.canUndo, brush.strokes.canRedo], [true, true]);
    brush.redo();
    assert.deepEqual([cells.get(5), cells.get(6)], [true, true]);
    brush.undo();
    brush.undo();
    assert.deepEqual([cells.get(5), cells.get(6)], [false, false]);
    brush.redo();
    cells.set(5, false);
    brush.refused({ cell: 5, value: true });
    assert.equal(brush.strokes.canUndo, false, "a redo that was refused drew nothing");
  });

  test("a stroke or a rectangle that is cancelled leaves nothing, and the rest of the drag draws nothing", () => {
    const { brush, cells } = make();
    for (const tool of ["draw", "fill"] as const) {
      brush.tool = tool;
      brush.start({ x: 0, y: 0 });
      brush.moveTo({ x: 2, y: 0 });
      brush.cancel();
      brush.moveTo({ x: 4, y: 0 });
      brush.end();
      assert.deepEqual(
        [...cells.values()].filter((value) => value),
        [],
      );
      assert.equal(brush.strokes.canUndo, false);
    }
  });

  test("a line that is broken off stays as far as it was drawn; a rectangle is dropped", () => {
    const { brush, sets } = make();
    brush.tool = "fill";
    brush.start({ x: 0, y: 0 });
    brush.moveTo({ x: 2, y: 2 });
    brush.breakOff();
    assert.deepEqual([sets, brush.rectangle, brush.strokes.canUndo], [[], undefined, false]);
    brush.tool = "draw";
    brush.start({ x: 0, y: 0 });
    brush.moveTo({ x: 2, y: 0 });
    brush.breakOff();
    brush.moveTo({ x: 9, y: 0 });
    assert.equal(sets.length, 3);
    brush.undo();
    assert.equal(sets.length, 6, "it is one stroke, to undo");
  });

  test("cells that are not loaded are left out and counted once, unless they load during the stroke", () => {
    const away = new Set([2, 3, 4]);
    const { brush, sets, locked, missed } = make(
      (cell) => cell !== 3,
      (cell) => !away.has(cell),
    );
    brush.tool = "draw";
    brush.start({ x: 0, y: 0 });
    brush.moveTo({ x: 5, y: 0 });
    brush.moveTo({ x: 0, y: 0 });
    away.delete(4);
    brush.moveTo({ x: 5, y: 0 });
    brush.end();
    assert.deepEqual(
      sets.map(([cell]) => cell),
      [0, 1, 5, 4],
    );
    assert.deepEqual([missed, locked], [[[2, 1]], [3]], "that it may not be changed is the better reason");
    away.add(256).add(257).add(258);
    assert.equal(brush.start({ x: 0, y: 1 }), false);
    brush.toggle(257);
    brush.tool = "fill";
    brush.start({ x: 3, y: 1 });
    brush.moveTo({ x: 0, y: 1 });
    brush.end();
    assert.deepEqual(missed.slice(1), [
      [256, 1],
      [257, 1],
      [256, 3],
    ]);
    brush.tool = "draw";
    brush.start({ x: 4, y: 1 });
    brush.moveTo({ x: 0, y: 1 });
    brush.cancel();
    assert.equal(missed.length, 4, "of what is taken back nothing is said");
  });

  const fill = (brush: Brush, columns: number, rows: number) => {
    brush.tool = "fill";
    brush.start({ x: 0, y: 0 });
    brush.moveTo({ x: columns - 1, y: rows - 1 });
    brush.end();
  };

  test("a large rectangle is sent in portions, as earlier ones are acknowledged, and is one stroke", async () => {
    const { brush, cells, sets, acknowledge } = make();
    fill(brush, 100, 20);
    assert.equal(sets.length, 100);
    let underWayMax = 0;
    while (acknowledge.length > 0) {
      underWayMax = Math.max(underWayMax, acknowledge.length);
      await acknowledgeAll(acknowledge);
    }
    assert.equal(sets.length, 2_000);
    assert.ok(underWayMax <= 100, `${underWayMax} were on their way at a time`);
    assert.equal(brush.portions.progress, undefined);
    assert.equal(brush.strokes.places.length, 1);
    brush.undo();
    assert.equal(sets.length, 2_100, "and so is its undo");
    brush.portions.stop();
    await acknowledgeAll(acknowledge);
    brush.undo();
    assert.equal([...cells.values()].filter((value) => value).length, 1_800, "what a stop left is undone later");
  });

  test("what a stop or an undo leaves unsent is in no stroke", () => {
    for (const end of ["stop", "undo"] as const) {
      const { brush, cells, sets } = make();
      fill(brush, 100, 20);
      if (end === "stop") brush.portions.stop();
      brush.undo();
      assert.equal(brush.portions.progress, undefined);
      assert.equal(sets.length, 200, "the sent ones, set and reset");
      assert.ok([...cells.values()].every((value) => !value));
      assert.deepEqual([brush.strokes.canUndo, brush.strokes.canRedo], [false, true]);
    }
  });

  test("a cell that waits is not set after the user has changed it in another way", async () => {
    const { brush, cells, sets, acknowledge } = make();
    fill(brush, 100, 2);
    const waiting = 256 + 7;
    brush.tool = "erase";
    brush.start({ x: 7, y: 1 });
    brush.end();
    await acknowledgeAll(acknowledge);
    assert.equal(sets.length, 199);
    assert.equal(cells.get(waiting) ?? false, false);
  });
});
