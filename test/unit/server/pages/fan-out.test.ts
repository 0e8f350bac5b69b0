/* The adaptive flush interval. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { FanOut, type Flushable } from "../../../../src/server/pages/fan-out.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

/** The numbers of these tests follow from these, whatever the defaults are. */
const LIMITS = { flushMsMin: 16, flushMsMax: 1_000, share: 0.2, unseenMs: 60, framesUnseen: 500, dozeMsMax: 60 };

/** A clock on which work can take time. */
class BusyClock extends VirtualClock {
  #workedMs = 0;

  override now(): number {
    return super.now() + this.#workedMs;
  }

  work(ms: number): void {
    this.#workedMs += ms;
  }
}

/**
 * Requests a flush every millisecond for `ms`; each flush costs `costMs`, and who joins after it `joinsMs`. Returns when
 * flushes happened.
 */
async function run(
  fanOut: FanOut,
  clock: BusyClock,
  costMs: number,
  ms: number,
  { pages = 1, joinsMs = 0, frames = 1 } = {},
): Promise<number[]> {
  const flushes: number[] = [];
  const all: Flushable[] = Array.from({ length: pages }, () => ({
    flush: () => {
      flushes.push(clock.now());
      clock.work(costMs);
      return frames;
    },
    flushed: () => clock.work(joinsMs),
  }));
  for (let at = 0; at < ms; at++) {
    for (const page of all) fanOut.request(page);
    await clock.pass(1);
  }
  return flushes;
}

describe("the flush clock", () => {
  test("flushes a quiet page at once, and a busy one once per frame", async () => {
    const clock = new BusyClock();
    const flushes = await run(new FanOut(clock, LIMITS), clock, 0.01, 320);
    assert.equal(flushes[0], 0);
    assert.ok(flushes.length >= 19 && flushes.length <= 21, String(flushes.length));
  });

  test("grows the interval until sending takes its share, and shrinks it again when sending is cheap", async () => {
    const clock = new BusyClock();
    const fanOut = new FanOut(clock, LIMITS);
    await run(fanOut, clock, 20, 4_000);
    assert.ok(fanOut.flushMs > 60 && fanOut.flushMs < 160, `20 ms of work at a share of 0.2: ${fanOut.flushMs}`);
    await run(fanOut, clock, 0.01, 4_000);
    assert.equal(fanOut.flushMs, 16);
  });

  test("counts each of many pages that are due together for itself alone", async () => {
    const clock = new BusyClock();
    const fanOut = new FanOut(clock, LIMITS);
    const costs: number[] = [];
    const observed = new FanOut(clock, LIMITS, undefined, ({ ms }) => costs.push(ms));
    await run(observed, clock, 0.5, 400, { pages: 50 });
    assert.ok(Math.max(...costs) < 0.6, `a flush of 0.5 ms was counted as ${Math.max(...costs)}`);
    await run(fanOut, clock, 0.02, 4_000, { pages: 100 });
    assert.ok(fanOut.flushMs <= 61, `100 pages of 0.02 ms: ${fanOut.flushMs}`);
  });

  test("waits up to what nobody notices where that saves frames, and no longer", async () => {
    const clock = new BusyClock();
    const fanOut = new FanOut(clock, LIMITS);
    await run(fanOut, clock, 0.01, 4_000, { frames: 5 });
    assert.equal(fanOut.flushMs, 16);
    await run(fanOut, clock, 0.01, 4_000, { frames: 15 });
    assert.ok(fanOut.flushMs > 27 && fanOut.flushMs < 33, `15 frames at 500 a second: ${fanOut.flushMs}`);
    await run(fanOut, clock, 0.01, 4_000, { frames: 100 });
    assert.ok(fanOut.flushMs > 58 && fanOut.flushMs < 61, `100 frames: ${fanOut.flushMs}`);
  });

  test("counts all pages together", async () => {
    const clock = new BusyClock();
    const fanOut = new FanOut(clock, LIMITS);
    await run(fanOut, clock, 2, 4_000, { pages: 10 });
    assert.ok(fanOut.flushMs > 60 && fanOut.flushMs < 160, `10 pages of 2 ms at a share of 0.2: ${fanOut.flushMs}`);
  });

  test("is not slowed down by clients that join, however much work they are", async () => {
    const clock = new BusyClock();
    const fanOut = new FanOut(clock, LIMITS);
    await run(fanOut, clock, 0.01, 4_000, { joinsMs: 20 });
    assert.equal(fanOut.flushMs, 16);
  });

  test("leaves unheard what cannot be sent yet, and hears it before it sends", async () => {
    const clock = new VirtualClock();
    const dozes: number[] = [];
    let heard = () => {};
    const source = {
      doze: (ms: number) => dozes.push(ms),
      wake: (done: () => void) => {
        heard = done;
      },
    };
    const fanOut = new FanOut(clock, LIMITS, source);
    let flushes = 0;
    const page: Flushable = { flush: () => ++flushes };
    fanOut.request(page);
    assert.deepEqual([flushes, dozes], [1, []], "a quiet page waits for nothing");
    await clock.pass(6);
    fanOut.request(page);
    assert.deepEqual(dozes, [10]);
    await clock.pass(10);
    assert.equal(flushes, 1, "sent before it was heard what came");
    fanOut.request(page);
    heard();
    assert.equal(flushes, 2);
    await clock.pass(14);
    fanOut.request(page);
    assert.deepEqual(dozes, [10], "a doze too short to save anything");
  });

  test("leaves nothing unheard for longer than nobody notices", async () => {
    const clock = new BusyClock();
    const dozes: number[] = [];
    const fanOut = new FanOut(clock, LIMITS, { doze: (ms) => dozes.push(ms), wake: (heard) => heard() });
    await run(fanOut, clock, 100, 4_000);
    assert.ok(fanOut.flushMs > 2 * LIMITS.unseenMs, String(fanOut.flushMs));
    assert.equal(Math.max(...dozes), LIMITS.unseenMs);
    const short = new FanOut(
      clock,
      { ...LIMITS, dozeMsMax: 40 },
      { doze: (ms) => dozes.push(ms), wake: (heard) => heard() },
    );
    dozes.length = 0;
    await run(short, clock, 100, 4_000);
    assert.equal(Math.max(...dozes), 40);
  });

  test("never waits longer than its bound", async () => {
    const clock = new BusyClock();
    const fanOut = new FanOut(clock, LIMITS);
    await run(fanOut, clock, 2_000, 10_000);
    assert.ok(fanOut.flushMs <= LIMITS.flushMsMax);
  });
});
