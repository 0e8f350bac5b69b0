/* The time that has passed, by two clocks of which one stops and the other is set. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { elapsed } from "../../../../src/client/timing/elapsed-clock.js";
import { VirtualClock } from "../../../support/virtual-clock.js";

describe("the clock of a client", () => {
  const step = fc.record({
    kind: fc.constantFrom("passes", "slept", "set ahead", "set back"),
    ms: fc.double({ min: 1_001, max: 1e7, noNaN: true }),
    looks: fc.nat(3),
  });

  test("counts what passes, sleep, and steps of the wall clock ahead, but no step back", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const awake = new VirtualClock();
        let aheadMs = 1_700_000_000_000;
        const { now } = elapsed(awake, () => Math.round(awake.now() + aheadMs));
        let elapsedMs = 0;
        let latestMs = now();
        for (const { kind, ms, looks } of steps) {
          if (kind === "passes") await awake.pass(ms);
          else aheadMs += kind === "set back" ? -ms : ms;
          if (kind !== "set back") elapsedMs += ms;
          for (let look = 0; look <= looks; look++) {
            assert.ok(now() >= latestMs, "it never runs backwards");
            latestMs = now();
          }
          // Each step is known to a millisecond of the wall clock, plus what is left for later.
          assert.ok(Math.abs(now() - elapsedMs) <= 1_000 + 2 * steps.length, `${now()} of ${elapsedMs} ms`);
        }
      }),
    );
  });

  test("knows how far the wall clock is ahead of it, also after a step back", async () => {
    const awake = new VirtualClock();
    let wallMs = 600_000;
    const clock = elapsed(awake, () => wallMs);
    assert.equal(clock.aheadMs(), 600_000);
    await awake.pass(5_000);
    wallMs += 305_000;
    assert.deepEqual([clock.now(), clock.aheadMs()], [305_000, 600_000], "asleep for five minutes");
    wallMs -= 360_000;
    assert.deepEqual([clock.aheadMs(), clock.now()], [240_000, 305_000], "set back by six minutes");
  });

  test("does not add up the roundings of the wall clock", async () => {
    const awake = new VirtualClock();
    const { now } = elapsed(awake, () => Math.floor(awake.now()));
    for (let look = 0; look < 1_000; look++) {
      await awake.pass(0.3);
      now();
    }
    assert.equal(now(), awake.now());
  });
});
