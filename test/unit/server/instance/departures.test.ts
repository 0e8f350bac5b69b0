/* Draining on a virtual clock: when each client is asked to leave, and when the drain ends. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Departures } from "../../../../src/server/instance/departures.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

const OVER_MS = 10_000;
const GRACE_MS = 3_000;

/** `count` clients that record when they are asked to leave, and leave `afterMs` later if they obey. */
function crowd(seed: number, count: number, afterMs: number | null = 200) {
  const clock = new VirtualClock(seed);
  const departures = new Departures(clock);
  const asked: { index: number; atMs: number }[] = [];
  const gone = Array.from({ length: count }, (_, index) => {
    const client = {
      move() {
        asked.push({ index, atMs: clock.now() });
        if (afterMs !== null) clock.after(afterMs, go);
      },
    };
    const go = () => departures.left(client);
    departures.add(client);
    return go;
  });
  return { clock, departures, asked, gone };
}

function watch(promise: Promise<void>): { isOver: boolean } {
  const state = { isOver: false };
  void promise.then(() => {
    state.isOver = true;
  });
  return state;
}

describe("an instance that drains", () => {
  test("asks each client once to leave, evenly over the time, and ends when the last has left", async () => {
    const { clock, departures, asked } = crowd(1, 100);
    const drain = watch(departures.drain(OVER_MS, GRACE_MS));
    await clock.pass(OVER_MS + 99);
    assert.equal(drain.isOver, false);
    await clock.pass(1);
    assert.deepEqual(
      asked.map(({ atMs }) => atMs),
      Array.from({ length: 100 }, (_, index) => index * 100),
    );
    assert.equal(new Set(asked.map(({ index }) => index)).size, 100);
    assert.ok(drain.isOver);
  });

  test("tells them in another order each time", async () => {
    const orders = new Set<string>();
    for (const seed of [1, 2, 3, 4]) {
      const { clock, departures, asked } = crowd(seed, 20);
      void departures.drain(OVER_MS, GRACE_MS);
      await clock.pass(OVER_MS);
      orders.add(asked.map(({ index }) => index).join());
    }
    assert.equal(orders.size, 4);
  });

  test("does not wait for those who have gone by themselves, nor tells them", async () => {
    const { clock, departures, asked, gone } = crowd(1, 10);
    const drain = watch(departures.drain(OVER_MS, GRACE_MS));
    for (const go of gone) go();
    await clock.pass(0);
    assert.ok(drain.isOver);
    await clock.pass(2 * OVER_MS);
    assert.equal(asked.length, 1);
  });

  test("waits for who does not go no longer than the grace", async () => {
    const { clock, departures } = crowd(1, 2, null);
    const drain = watch(departures.drain(OVER_MS, GRACE_MS));
    await clock.pass(OVER_MS / 2 + GRACE_MS - 1);
    assert.equal(drain.isOver, false);
    await clock.pass(1);
    assert.ok(drain.isOver);
  });

  test("asks a client that was admitted last at once, and ends at once if none is there", async () => {
    const { clock, departures, asked } = crowd(1, 0);
    assert.equal(departures.isDraining, false);
    const drain = watch(departures.drain(OVER_MS, GRACE_MS));
    assert.ok(departures.isDraining);
    await clock.pass(0);
    assert.ok(drain.isOver);
    departures.add({ move: () => asked.push({ index: 0, atMs: clock.now() }) });
    assert.equal(asked.length, 1);
  });
});
