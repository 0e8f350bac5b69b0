/* How a replay plays: no idle time, and all of it in the time that it is to fit in. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { nextMoment, paceOf, SPEEDS } from "../../../../../src/web/canvas/replay/playback.js";

const TICK_MS = 40;
const HOUR_MS = 3_600_000;

/** Plays changes at these moments; gives how long it took. */
function play(changes: readonly number[], toMs: number, pace: ReturnType<typeof paceOf>): number {
  let [at, passedMs, next] = [0, 0, 0];
  while (at < toMs) {
    while ((changes[next] ?? toMs) <= at && next < changes.length) next++;
    at = nextMoment(at, TICK_MS, Math.min(toMs, changes[next] ?? toMs), pace);
    passedMs += TICK_MS;
    assert.ok(passedMs < 1_000_000, "it ends");
  }
  return passedMs;
}

function activityOf(changes: readonly number[], toMs: number) {
  const fromMs = changes[0] ?? 0;
  const counts = new Array<number>(48).fill(0);
  const partMs = Math.ceil((toMs - fromMs + 1) / 48);
  for (const ms of changes) counts[Math.floor((ms - fromMs) / partMs)] = 1;
  return { beginMs: 0, fromMs, toMs, counts };
}

describe("playing", () => {
  const [fit, real, ten] = SPEEDS;

  test("two changes an hour apart follow each other after a moment, at every speed", () => {
    const changes = [0, HOUR_MS];
    for (const speed of SPEEDS) {
      const took = play(changes, HOUR_MS + 1, paceOf(speed, activityOf(changes, HOUR_MS + 1)));
      assert.ok(took <= 1_500, `${speed.name} took ${took} ms`);
    }
  });

  test("busy time passes as fast as the speed says", () => {
    const changes = Array.from({ length: 200 }, (_, index) => index * 500);
    const activity = activityOf(changes, 100_000);
    const took = (speed = fit) => play(changes, 100_000, paceOf(speed, activity));
    assert.ok(Math.abs(took(real) - 100_000) < 1_000);
    assert.ok(Math.abs(took(ten) - 10_000) < 1_000);
    assert.ok(Math.abs(took(fit) - 30_000) < 1_000);
  });

  test("what is to fit into 30 s does, however it is spread", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(24 * HOUR_MS), { minLength: 1, maxLength: 200 }), (moments) => {
        const changes = moments.toSorted((a, b) => a - b);
        const took = play(changes, 24 * HOUR_MS, paceOf(fit, activityOf(changes, 24 * HOUR_MS)));
        assert.ok(took <= 31_500, `${took} ms`);
      }),
    );
  });

  test("what took a few seconds is not slowed down to fit", () => {
    const changes = [0, 400, 800, 1_200];
    assert.ok(paceOf(fit, activityOf(changes, 1_300)).times >= 1);
  });
});
