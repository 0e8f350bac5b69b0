/* When the canvas draws, on a clock and with frames of its own. */

import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { Frames } from "../../../../../src/web/canvas/paint/frames.js";

/** Frames that take `tookMs`, and the screen that asks for them. */
function start(t: TestContext, tookMs: number) {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] });
  let nowMs = 0;
  t.mock.method(performance, "now", () => nowMs);
  let asked: FrameRequestCallback | undefined;
  Object.assign(globalThis, {
    requestAnimationFrame: (call: FrameRequestCallback) => {
      asked = call;
      return 1;
    },
    cancelAnimationFrame: () => {
      asked = undefined;
    },
  });
  const drawnMs: number[] = [];
  const frames = new Frames((ms) => {
    drawnMs.push(ms);
    nowMs += tookMs;
  });
  t.after(() => frames.close());
  const wait = (ms: number) => {
    nowMs += ms;
    t.mock.timers.tick(ms);
  };
  /** The screen's next frame. */
  const next = () => {
    const call = asked;
    asked = undefined;
    call?.(nowMs);
    // The end of the frame.
    t.mock.timers.tick(1);
  };
  return { frames, drawnMs, wait, next };
}

describe("frames", () => {
  test("that were requested are drawn in the next frame of the screen, however often", (t) => {
    const { frames, drawnMs, next } = start(t, 10);
    frames.request();
    frames.request();
    next();
    next();
    assert.deepEqual(drawnMs, [0]);
    frames.request();
    next();
    assert.deepEqual(drawnMs, [0, 10]);
  });

  test("that nobody waits for leave as much time as the frame before took", (t) => {
    const { frames, drawnMs, wait, next } = start(t, 40);
    frames.soon();
    next();
    assert.deepEqual(drawnMs, [0]);
    frames.soon();
    wait(39);
    next();
    assert.deepEqual(drawnMs, [0], "it has not rested");
    wait(1);
    next();
    assert.deepEqual(drawnMs, [0, 80]);
  });

  test("of the user do not wait for the rest, and a rest ends after a while", (t) => {
    const { frames, drawnMs, wait, next } = start(t, 5_000);
    frames.soon();
    next();
    frames.soon();
    frames.request();
    next();
    assert.deepEqual(drawnMs, [0, 5_000]);
    frames.soon();
    wait(100);
    next();
    assert.deepEqual(drawnMs, [0, 5_000, 10_100]);
  });
});
