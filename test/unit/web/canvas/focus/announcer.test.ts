import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FocusAnnouncer } from "../../../../../src/web/canvas/focus/announcer.js";
import { VirtualClock } from "../../../../support/virtual-clock.js";

describe("the announcer of the focused cell", () => {
  function make() {
    const clock = new VirtualClock();
    const said: string[] = [];
    const announcer = new FocusAnnouncer(clock, (text) => said.push(text));
    const change = (cell: number, value: boolean, mine = false) => {
      announcer.focused = cell;
      announcer.changed([{ cell, value, mine }]);
    };
    return { clock, said, announcer, change };
  }

  test("says the first change at once, then at most one per interval, and that the last", async () => {
    const { clock, said, announcer, change } = make();
    for (const cell of [1, 2, 3]) change(cell, true);
    assert.deepEqual(said, ["Checkbox 1 is now checked."]);
    await clock.pass(1_499);
    assert.equal(said.length, 1);
    await clock.pass(1);
    assert.deepEqual(said.splice(0), ["Checkbox 1 is now checked.", "Checkbox 3 is now checked."]);
    await clock.pass(5_000);
    assert.deepEqual(said, [], "nothing is said twice");
    change(4, false);
    change(5, false);
    announcer.close();
    await clock.pass(5_000);
    assert.deepEqual(said, ["Checkbox 4 is now unchecked."]);
  });

  test("says nothing about the user's own changes and about other cells", async () => {
    const { clock, said, announcer, change } = make();
    change(1, true, true);
    announcer.changed([{ cell: 2, value: true, mine: false }]);
    announcer.focused = undefined;
    announcer.changed([{ cell: 1, value: true, mine: false }]);
    await clock.pass(5_000);
    assert.deepEqual(said, []);
  });
});
