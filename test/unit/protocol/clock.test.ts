import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { every, pause, within } from "../../../src/protocol/clock.js";
import { VirtualClock } from "../../support/virtual-clock.js";

describe("every", () => {
  test("counts from the end of the previous run, until it is cancelled", async () => {
    const clock = new VirtualClock();
    const startedMs: number[] = [];
    const cancel = every(clock, 100, () => {
      startedMs.push(clock.now());
      return pause(clock, 30);
    });
    await clock.pass(400);
    assert.deepEqual(startedMs, [100, 230, 360]);
    cancel();
    await clock.pass(1_000);
    assert.equal(startedMs.length, 3);
  });

  test("continues after a run that threw", async () => {
    const virtual = new VirtualClock();
    const errors: unknown[] = [];
    const after = (ms: number, run: () => unknown) =>
      virtual.after(ms, () => void Promise.resolve(run()).catch((error: unknown) => errors.push(error)));
    let runs = 0;
    const cancel = every({ now: () => virtual.now(), random: Math.random, after }, 100, () => {
      if (++runs === 1) throw new Error("once");
    });
    await virtual.pass(350);
    assert.match(String(errors), /once/);
    assert.equal(runs, 3);
    cancel();
  });
});

describe("within", () => {
  const late = () => new Error("late");

  test("settles as the promise does while there is time", async () => {
    const clock = new VirtualClock();
    assert.equal(await within(clock, 10, Promise.resolve(7), late), 7);
    await assert.rejects(within(clock, 10, Promise.reject(new Error("refused")), late), /refused/);
  });

  test("rejects when the time has passed", async () => {
    const clock = new VirtualClock();
    const refused = assert.rejects(within(clock, 10, pause(clock, 11), late), /late/);
    await clock.pass(10);
    await refused;
  });
});
