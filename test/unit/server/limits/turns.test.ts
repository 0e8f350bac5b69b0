import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Turns } from "../../../../src/server/limits/allowance.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

describe("turns", () => {
  test("an occasional request never waits", async () => {
    const clock = new VirtualClock();
    const turns = new Turns(clock);
    for (let count = 0; count < 50; count++) {
      assert.equal(turns.take(), undefined);
      await clock.pass(5);
    }
  });

  test("a burst is served in order, eight in a turn of the event loop, and nothing of it is forgotten", async () => {
    const clock = new VirtualClock();
    const turns = new Turns(clock);
    const served: number[] = [];
    let atOnce = 0;
    for (let count = 0; count < 100; count++) {
      const turn = turns.take();
      if (turn) void turn.then(() => served.push(count));
      else atOnce++;
    }
    assert.equal(atOnce, 8);
    await new Promise((done) => setImmediate(done));
    assert.equal(served.length, 0, "served within the burst's own turn");
    await clock.pass(1);
    assert.deepEqual(
      served,
      Array.from({ length: 92 }, (_, index) => index + 8),
    );
  });
});
