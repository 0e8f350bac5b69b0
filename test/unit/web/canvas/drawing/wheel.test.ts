/* Mouse or trackpad: the deltas that browsers report for each. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Wheel, type WheelMove } from "../../../../../src/web/canvas/drawing/wheel.js";

const TURN = { deltaX: 0, deltaY: 0, deltaMode: 0, shiftKey: false, ctrlKey: false, timeStamp: 0 };

function read(...turns: Partial<Parameters<Wheel["read"]>[0]>[]): WheelMove[] {
  const wheel = new Wheel();
  return turns.map((turn, index) => wheel.read({ ...TURN, timeStamp: 16 * index, ...turn }));
}

const kinds = (moves: readonly WheelMove[]) => moves.map(({ kind }) => kind);

describe("the wheel", () => {
  test("of a mouse zooms: Chrome on Windows and Linux, Firefox, and macOS with small steps", () => {
    for (const turn of [
      { deltaY: 100 },
      { deltaY: -120 },
      { deltaY: 3, deltaMode: 1 },
      { deltaY: 4.000244140625 },
      { deltaY: -12.000732421875 },
    ]) {
      const [move] = read(turn);
      assert.ok(move?.kind === "zoom");
      assert.equal(move.factor > 1, turn.deltaY < 0, "away from the user is nearer");
    }
  });

  test("of a trackpad moves in both directions, also once its steps become large", () => {
    const moves = read({ deltaX: 1, deltaY: 2 }, { deltaX: 0, deltaY: 180 }, { deltaX: -90, deltaY: 0 });
    assert.deepEqual(moves, [
      { kind: "pan", dx: 1, dy: 2 },
      { kind: "pan", dx: 0, dy: 180 },
      { kind: "pan", dx: -90, dy: 0 },
    ]);
  });

  test("is a mouse's until it pauses, and a trackpad's as soon as it goes aslant", () => {
    assert.deepEqual(kinds(read({ deltaY: 100 }, { deltaY: 2 })), ["zoom", "zoom"]);
    assert.deepEqual(kinds(read({ deltaY: 100 }, { deltaY: 2, timeStamp: 500 })), ["zoom", "pan"]);
    assert.deepEqual(kinds(read({ deltaY: 60 }, { deltaX: 4, deltaY: 60 })), ["zoom", "pan"]);
  });

  test("with Shift moves sideways, whether or not the browser has turned it", () => {
    const shiftKey = true;
    for (const turn of [{ deltaY: 100 }, { deltaX: 100 }]) {
      assert.deepEqual(read({ ...turn, shiftKey }), [{ kind: "pan", dx: 100, dy: 0 }]);
    }
  });

  test("with Ctrl zooms, by a notch no further than without", () => {
    const ctrlKey = true;
    assert.deepEqual(read({ deltaY: 100, ctrlKey }), read({ deltaY: 100 }));
    const [pinch] = read({ deltaX: 0.3, deltaY: -2.5, ctrlKey });
    assert.ok(pinch?.kind === "zoom" && pinch.factor > 1.02 && pinch.factor < 1.05);
  });
});
