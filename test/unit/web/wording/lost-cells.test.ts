/* Cells that stop being the user's without their doing. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createNanoEvents } from "nanoevents";
import type { BoardEvents } from "../../../../src/client/index.js";
import { reportLost } from "../../../../src/web/wording/lost-cells.js";

const NOW_MS = 1_000_000;

function setUp() {
  const mine = new Map<number, number | undefined>([
    [1, NOW_MS + 300],
    [2, NOW_MS + 60_000],
    [3, undefined],
    [4, NOW_MS + 300],
  ]);
  const shown = new Map<number, boolean | undefined>([1, 2, 3, 4].map((cell) => [cell, true]));
  const taken = new Set<number>();
  const events = createNanoEvents<Pick<BoardEvents, "change" | "mine">>();
  const board = {
    mine,
    get: (cell: number) => shown.get(cell),
    isTaken: (cell: number) => taken.has(cell),
    on: <Name extends "change" | "mine">(name: Name, listener: BoardEvents[Name]) => events.on(name, listener),
  };
  const texts: string[] = [];
  const stop = reportLost(
    board,
    () => NOW_MS,
    (text) => texts.push(text),
  );
  const lose = (...cells: number[]) => {
    for (const cell of cells) mine.delete(cell);
    events.emit("mine");
    return texts.splice(0);
  };
  const set = (cell: number, value: boolean) => {
    shown.set(cell, value);
    events.emit("change", [{ cell, value, mine: true }]);
  };
  return { mine, shown, taken, lose, set, stop, events };
}

describe("a cell that was the user's", () => {
  test("is reported when its time is up, when the server takes it, and when somebody else has it", () => {
    const { shown, taken, lose } = setUp();
    shown.set(1, false);
    assert.deepEqual(lose(1), ["Checkbox 1 is no longer yours: the time is up."]);
    shown.set(2, false);
    assert.deepEqual(lose(2), ["Checkbox 2 is no longer yours."]);
    taken.add(3);
    assert.deepEqual(lose(3), ["Checkbox 3 is no longer yours."]);
    assert.deepEqual(lose(), []);
  });

  test("is reported together with the others that are lost at once", () => {
    const { shown, lose } = setUp();
    for (const cell of [1, 2, 4]) shown.set(cell, false);
    assert.deepEqual(lose(1, 2, 4), ["Checkbox 1 and 2 others are no longer yours: the time is up."]);
  });

  test("is not reported if the user gave it back, but is if that was refused", () => {
    const { shown, lose, set } = setUp();
    set(1, false);
    assert.deepEqual(lose(1), []);
    set(4, false);
    set(4, true);
    shown.set(4, false);
    assert.deepEqual(lose(4), ["Checkbox 4 is no longer yours: the time is up."]);
  });

  test("is not reported if its page is not watched any more, or after the end", () => {
    const { shown, lose, stop } = setUp();
    shown.set(1, undefined);
    assert.deepEqual(lose(1), []);
    stop();
    shown.set(2, false);
    assert.deepEqual(lose(2), []);
  });
});
