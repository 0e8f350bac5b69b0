/* The replay of the pages in sight: what is known of a moment, and what is not. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { packChange } from "../../../../../src/board/delta.js";
import type { Palette } from "../../../../../src/web/canvas/paint/palette.js";
import { REPLAYED_PAGES_MAX, Replay } from "../../../../../src/web/canvas/replay/replay.js";
import { replaySpans } from "../../../../../src/web/canvas/replay/spans.js";
import type { PageRecord } from "../../../../../src/web/canvas/replay/track.js";

const PARTS_OF = 10;
const palette = {} as Palette;
const settled = () => new Promise((done) => setImmediate(done));

/** A page on which cell n was checked at n seconds, read in parts of ten seconds, from the end. */
function part(fromMs: number, toMs: number): PageRecord {
  const begin = Math.max(fromMs, Math.ceil(toMs / 1_000 - PARTS_OF) * 1_000);
  const start = new Uint8Array(8_192);
  for (let cell = 1; cell * 1_000 <= begin; cell++) start[cell >> 3] = (start[cell >> 3] ?? 0) | (128 >> (cell & 7));
  const record = [];
  for (let ms = 1_000 * (Math.floor(begin / 1_000) + 1); ms <= toMs; ms += 1_000) {
    record.push({ ms, changes: Uint32Array.of(packChange(ms / 1_000, 1)) });
  }
  return { cells: 65_536, fromMs: begin, start, record };
}

function make(read: (page: number, fromMs: number, toMs: number) => Promise<PageRecord | undefined>) {
  let nowMs = 0;
  const options = { fromMs: 0, toMs: 60_000, palette, across: 256, read, changed: () => {}, now: () => nowMs };
  return { replay: new Replay(options), pass: (ms: number) => (nowMs += ms) };
}

describe("a replay", () => {
  test("shows nothing of a moment that it does not know, and says when it knows all pages in sight", async () => {
    const { replay } = make(async (_, fromMs, toMs) => part(fromMs, toMs));
    replay.want([0, 1]);
    assert.deepEqual([replay.get(1), replay.isReady], [undefined, false]);
    await settled();
    assert.deepEqual([replay.get(60), replay.get(61), replay.isReady], [true, false, true]);
    replay.moveTo(5_000);
    assert.deepEqual([replay.get(1), replay.isReady], [undefined, false], "not read yet");
    for (let look = 0; look < 8; look++) {
      replay.want([0, 1]);
      await settled();
    }
    assert.deepEqual([replay.get(5), replay.get(6), replay.isReady], [true, false, true]);
    for (let seconds = 6; seconds <= 60; seconds++) {
      // Less than that at the end of a part, since the next may not be known.
      const { quietUntilMs } = replay;
      assert.ok(quietUntilMs >= (seconds - 1) * 1_000 && quietUntilMs <= seconds * 1_000, `${quietUntilMs}`);
      replay.moveTo(seconds * 1_000 - 1);
      assert.deepEqual([replay.get(seconds), replay.isReady], [false, true], `before ${seconds} s`);
      replay.moveTo(seconds * 1_000);
      assert.deepEqual([replay.get(seconds), replay.get(seconds + 1)], [true, false], `at ${seconds} s`);
      replay.want([0, 1]);
      await settled();
    }
  });

  test("a page keeps its picture's age from one part to the next, so that it does not fade in again", async () => {
    const { replay } = make(async (_, fromMs, toMs) => part(fromMs, Math.min(toMs, fromMs + 10_000)));
    replay.moveTo(0);
    replay.want([0]);
    await settled();
    const sinceMs = replay.pages.get(0)?.sinceMs;
    assert.ok(sinceMs !== undefined);
    for (let seconds = 1; seconds < 60; seconds++) {
      replay.moveTo(seconds * 1_000);
      replay.want([0]);
      assert.equal(replay.pages.get(0)?.sinceMs, sinceMs);
      await settled();
    }
  });

  test("a part that cannot be read is requested again after a pause", async () => {
    let asked = 0;
    const { replay, pass } = make(async (_, fromMs, toMs) => {
      if (++asked === 1) throw new Error("away");
      return part(fromMs, toMs);
    });
    for (let look = 0; look < 3; look++) {
      replay.want([0]);
      await settled();
    }
    assert.equal(asked, 1);
    pass(5_000);
    replay.want([0]);
    await settled();
    assert.equal(replay.get(1), true);
  });

  test("where the record begins later, what was before stays unknown and is not asked for for ever", async () => {
    let asked = 0;
    const { replay } = make(async (_, __, toMs) => {
      asked++;
      return part(55_000, toMs);
    });
    replay.moveTo(1_000);
    for (let look = 0; look < 5; look++) {
      replay.want([0]);
      await settled();
    }
    assert.equal(replay.get(1), undefined);
    assert.equal(asked, 2);
  });

  test("however far one pans, the pages in sight are replayed, and no more are kept than that", async () => {
    const { replay } = make(async (_, fromMs, toMs) => part(fromMs, toMs));
    for (let first = 0; first < 1_000; first += 50) {
      replay.want(Array.from({ length: 50 }, (_, index) => first + index));
      await settled();
      assert.equal(replay.get(first * 65_536 + 1), true);
      assert.ok(replay.pages.size <= REPLAYED_PAGES_MAX);
    }
  });
});

describe("the spans of a replay", () => {
  const MINUTE_MS = 60_000;
  const HOUR_MS = 60 * MINUTE_MS;
  const named = (keptMs: number) => replaySpans(keptMs).map(({ name }) => name);

  test("are named by what they show, which is less than is kept", () => {
    assert.deepEqual(named(30_000), ["Last 27 seconds"]);
    assert.deepEqual(named(HOUR_MS), ["Last 55 minutes"]);
    assert.deepEqual(named(2 * HOUR_MS), ["Last hour", "Last 110 minutes"]);
    assert.deepEqual(named(24 * HOUR_MS), ["Last hour", "Last 22 hours"]);
    assert.deepEqual(named(48 * HOUR_MS), ["Last hour", "Last day"]);
    assert.deepEqual(
      replaySpans(2 * HOUR_MS).map(({ ms }) => ms),
      [HOUR_MS, 110 * MINUTE_MS],
    );
    for (const keptMs of [1, 59_000, HOUR_MS, 1.1 * HOUR_MS, 5.5 * HOUR_MS, 1_000 * HOUR_MS]) {
      for (const { ms } of replaySpans(keptMs)) assert.ok(ms > 0 && (ms < keptMs || keptMs < 1_000));
    }
  });
});
