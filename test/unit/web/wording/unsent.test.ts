/* What the app says of changes that wait. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { SendingPace } from "../../../../src/web/state/sending-pace.js";
import { earlierText } from "../../../../src/web/wording/unsent.js";

describe("the pace of changes that wait", () => {
  test("tells how long all of them take, not how long the next portion does", () => {
    const pace = new SendingPace();
    // 500 changes at 50 a second, seen four times a second.
    for (let ms = 0; ms <= 2_000; ms += 250) pace.note(500 - Math.floor(ms / 250) * 12.5, ms);
    assert.equal(pace.secondsToGo(2_000), 8);
  });

  test("is not known at once, while nothing leaves, and once nothing waits", () => {
    const pace = new SendingPace();
    pace.note(500, 0);
    assert.equal(pace.secondsToGo(500), undefined);
    pace.note(500, 2_000);
    assert.equal(pace.secondsToGo(2_000), undefined);
    pace.note(0, 3_000);
    assert.equal(pace.secondsToGo(3_000), undefined);
  });

  test("follows the last seconds, and is not confused by new changes", () => {
    const pace = new SendingPace();
    for (let ms = 0; ms <= 10_000; ms += 250) pace.note(1_000 - ms / 100, ms);
    for (let ms = 10_250; ms <= 20_000; ms += 250) pace.note(ms === 15_000 ? 5_000 : 900 - (ms - 10_000) / 20, ms);
    const seconds = pace.secondsToGo(20_000) ?? 0;
    assert.ok(seconds >= 1 && seconds <= 10, `${seconds} s`);
  });
});

test("the app says what becomes of the changes of an earlier page", () => {
  assert.deepEqual(earlierText({ board: "main", waiting: 382, delivered: 118, lost: 0 }), {
    tone: "waiting",
    text: "382 changes from your last visit are being saved …",
  });
  assert.deepEqual(earlierText({ board: "main", waiting: 0, delivered: 1, lost: 0 }), {
    tone: "good",
    text: "1 change from your last visit was saved.",
  });
  assert.deepEqual(earlierText({ board: "main", waiting: 0, delivered: 1, lost: 2 }), {
    tone: "bad",
    text: "2 changes from your last visit were refused, or too old to be saved. Check the board.",
  });
});
