/* Changes in portions: the estimate of the time, and the end after refusals. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Portions } from "../../../../../src/web/canvas/drawing/portions.js";

const STEP = 3;

function make() {
  const open: { accept: () => void; refuse: () => void }[] = [];
  const leftOut: number[] = [];
  const checked = new Set<number>();
  const clock = { ms: 0 };
  const told: { progress?: Portions["progress"] } = {};
  const portions = new Portions({
    read: (cell) => checked.has(cell),
    set: () =>
      new Promise((accept, fail) => {
        open.push({ accept, refuse: () => fail(new Error("refused")) });
      }),
    leftOut: (step, cells) => {
      assert.equal(step, STEP);
      leftOut.push(...cells);
    },
    changed: () => {
      told.progress = portions.progress;
    },
    nowMs: () => clock.ms,
  });
  const send = (cells: number) => {
    const values = Array.from({ length: cells }, (_, cell) => ({ cell, value: true }));
    portions.send(STEP, values);
  };
  const settle = async (cells: number, how: "accept" | "refuse") => {
    for (const each of open.splice(0, cells)) each[how]();
    await Promise.resolve();
    await Promise.resolve();
  };
  return { portions, open, leftOut, checked, clock, told, send, settle };
}

describe("portions", () => {
  test("estimate the time from the pace after the burst", async () => {
    const { portions, clock, send, settle } = make();
    send(1_000);
    await settle(100, "accept");
    assert.deepEqual(portions.progress, { done: 100, total: 1_000, secondsLeft: undefined });
    for (let seconds = 1; seconds <= 6; seconds++) {
      clock.ms = 1_000 * seconds;
      await settle(50, "accept");
    }
    assert.equal(portions.progress?.done, 400);
    const { secondsLeft } = portions.progress ?? {};
    assert.ok(secondsLeft && secondsLeft >= 11 && secondsLeft <= 13, `${secondsLeft}, for 600 at 50 per second`);
  });

  test("show their progress until the last one is acknowledged, and none after a stop", async () => {
    const { portions, told, send, settle } = make();
    send(150);
    await settle(100, "accept");
    await settle(20, "accept");
    assert.deepEqual(portions.progress, { done: 120, total: 150, secondsLeft: undefined });
    await settle(30, "accept");
    assert.equal(portions.progress, undefined);
    send(150);
    assert.ok(told.progress);
    portions.stop();
    assert.equal(portions.progress, undefined);
    assert.equal(told.progress, undefined, "and says so at once");
  });

  test("end after as many refusals in a row as a portion has, but not for a few", async () => {
    const { portions, leftOut, send, settle } = make();
    send(1_000);
    await settle(60, "refuse");
    await settle(1, "accept");
    await settle(60, "refuse");
    assert.ok(portions.progress);
    assert.deepEqual(leftOut, []);
    await settle(100, "refuse");
    assert.equal(portions.progress, undefined);
    assert.ok(leftOut.length > 600);
  });

  test("leave out a cell that somebody else has set meanwhile", async () => {
    const { open, leftOut, checked, send, settle } = make();
    send(150);
    checked.add(120).add(149);
    await settle(100, "accept");
    assert.deepEqual(leftOut, [120, 149]);
    assert.equal(open.length, 48);
  });

  test("are made immediately if they are few, although others wait", () => {
    const { portions, open, send } = make();
    send(1_000);
    portions.send(STEP, [{ cell: 5_000, value: true }]);
    assert.equal(open.length, 101);
  });
});
