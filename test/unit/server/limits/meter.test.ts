import assert from "node:assert/strict";
import { describe, mock, test } from "node:test";
import { Attachments } from "../../../../src/server/connections/attachments.js";
import { Meter } from "../../../../src/server/limits/meter.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

function setUp() {
  const clock = new VirtualClock();
  const done: string[] = [];
  const meter = new Meter(
    { messages: { perSecond: 10, burst: 20 }, bytes: { perSecond: 1_000, burst: 2_000 } },
    clock,
    {
      pause: () => done.push("pause"),
      resume: () => done.push("resume"),
      end: () => done.push("end"),
    },
  );
  return { clock, meter, done };
}

describe("a meter", () => {
  test("lets a burst be read, then stops reading until time has paid for what came", async () => {
    const { clock, meter, done } = setUp();
    for (let count = 0; count < 20; count++) meter.take(1, 10);
    assert.deepEqual(done, []);
    assert.equal(meter.waitMs, 0);
    for (let count = 0; count < 5; count++) meter.take(1, 10);
    assert.deepEqual(done, ["pause"]);
    await clock.pass(499);
    assert.deepEqual(done, ["pause"]);
    await clock.pass(2);
    assert.deepEqual(done, ["pause", "resume"]);
  });

  test("counts bytes as it counts messages, whichever runs out first", async () => {
    const { clock, meter, done } = setUp();
    meter.take(0, 2_500);
    assert.deepEqual(done, ["pause"]);
    await clock.pass(501);
    assert.deepEqual(done, ["pause", "resume"]);
  });

  test("charges what comes before the pause takes effect, and goes on reading no sooner", async () => {
    const { clock, meter, done } = setUp();
    meter.take(21, 0);
    meter.take(9, 0);
    await clock.pass(900);
    assert.deepEqual(done, ["pause"]);
    await clock.pass(200);
    assert.deepEqual(done, ["pause", "resume"]);
  });

  test("keeps nothing of a connection that has ended until it could be read again", async () => {
    const { clock, meter, done } = setUp();
    meter.take(30, 0);
    meter.close();
    await clock.pass(60_000);
    assert.deepEqual(done, ["pause"]);
  });

  test("ends the connection if a flood comes at once", () => {
    const { meter, done } = setUp();
    meter.take(39, 0);
    assert.deepEqual(done, ["pause"]);
    meter.take(1, 0);
    assert.deepEqual(done, ["pause", "end"]);
  });
});

describe("the attachments of a message", () => {
  const ANNOUNCED = '53-/boards,["watch",{"_placeholder":true,"num":0}]';

  test("are bounded together in bytes", () => {
    let ends = 0;
    const attachments = new Attachments(1_000, () => ends++);
    attachments.take(ANNOUNCED);
    attachments.take(Buffer.alloc(600));
    assert.equal(ends, 0);
    attachments.take(Buffer.alloc(600));
    assert.equal(ends, 1);
    attachments.close();
  });

  test("end the connection if the last is kept back, and not if all have come", () => {
    mock.timers.enable({ apis: ["setTimeout"] });
    try {
      let ends = 0;
      const attachments = new Attachments(1_000, () => ends++);
      attachments.take(ANNOUNCED);
      for (let count = 0; count < 3; count++) attachments.take(Buffer.alloc(10));
      mock.timers.tick(60_000);
      assert.equal(ends, 0);
      attachments.take(ANNOUNCED);
      for (let count = 0; count < 2; count++) attachments.take(Buffer.alloc(10));
      mock.timers.tick(60_000);
      assert.equal(ends, 1);
    } finally {
      mock.timers.reset();
    }
  });
});
