/*
 * Undo waits for pages that were let go: what happens meanwhile must not make it undo something
 * else, or wait for ever.
 */

import assert from "node:assert/strict";
import { describe, mock, test } from "node:test";
import { Strokes } from "../../../../../src/web/canvas/drawing/strokes.js";
import { Undoing } from "../../../../../src/web/canvas/drawing/undoing.js";

function setUp() {
  const strokes = new Strokes();
  const came: (() => void)[] = [];
  const told: string[] = [];
  const state = { isOff: false };
  const step = (name: "undo" | "redo") => () => {
    told.push(`${name} ${[...(strokes.next(name)?.keys() ?? [])]}`);
    strokes[name](() => true);
  };
  const undoing = new Undoing({
    brush: { strokes, undo: step("undo"), redo: step("redo") },
    load: (pages) => {
      told.push(`load ${[...pages]}`);
      return new Promise((done) => came.push(done));
    },
    release: () => told.push("release"),
    isOff: () => state.isOff,
    done: () => undefined,
    gaveUp: (cell) => told.push(`gave up ${cell}`),
  });
  const draw = (...cells: number[]) => strokes.add(cells.map((cell) => ({ cell, before: false, after: true })));
  return { undoing, strokes, state, told, draw, come: () => came.shift()?.() };
}

describe("undo", () => {
  test("brings the stroke's pages, takes it back, and lets them go", async () => {
    const { undoing, told, draw, come } = setUp();
    draw(3, 70_000);
    const undone = undoing.do("undo");
    await Promise.resolve();
    come();
    await undone;
    assert.deepEqual(told, ["load 0,1", "undo 3,70000", "release"]);
  });

  test("leaves alone what was drawn, and a replay that was opened, while it waited", async () => {
    for (const meanwhile of ["drawn", "replay"]) {
      const { undoing, strokes, state, told, draw, come } = setUp();
      draw(3);
      const undone = undoing.do("undo");
      await Promise.resolve();
      if (meanwhile === "drawn") draw(9);
      else state.isOff = true;
      come();
      await undone;
      assert.deepEqual(told, ["load 0", "release"], meanwhile);
      assert.equal(strokes.canUndo, true);
    }
  });

  test("gives up if the pages do not load, reports it, and continues with the next", async () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      const { undoing, told, draw, come } = setUp();
      draw(3);
      const first = undoing.do("undo");
      const second = undoing.do("undo");
      await Promise.resolve();
      mock.timers.tick(5_000);
      await first;
      await Promise.resolve();
      come();
      come();
      await second;
      assert.deepEqual(told, ["load 0", "release", "gave up 3", "load 0", "undo 3", "release"]);
    } finally {
      mock.timers.reset();
    }
  });
});
