/* Whose a checkbox is, in words, and how long it still is. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  claimsText,
  countdownText,
  isAnnounced,
  type Owned,
  ownerAt,
  ownerText,
  summaryText,
  timeText,
} from "../../../../src/web/state/claims.js";

const NOW_MS = 1_000_000;
const HELD = { ms: 300_000, isLease: false };

/** `mine`: cell -> ms until its end. The user is giving back the cells in `given`. */
function board(
  claims: Owned["claims"],
  mine: readonly (readonly [number, number | undefined])[] = [],
  given: readonly number[] = [],
): Owned {
  const ends = new Map(mine.map(([cell, leftMs]) => [cell, leftMs === undefined ? undefined : NOW_MS + leftMs]));
  return {
    claims,
    mine: ends,
    get: (cell) => (cell === 9 || ends.has(cell)) && !given.includes(cell),
    isTaken: (cell) => cell === 9,
  };
}

describe("the owner of a checkbox", () => {
  test("is told with the time left of a hold, without one if it has no end, and never on other boards", () => {
    const held = board(HELD, [
      [1, 252_000],
      [2, undefined],
      [3, -5],
    ]);
    const texts = [0, 1, 2, 3, 9].map((cell) => ownerText(held, cell, NOW_MS));
    assert.deepEqual(texts, [undefined, "yours, 4:12 left", "yours", "yours, 0:00 left", "taken"]);
    assert.deepEqual(
      [1, 2, 9].map((cell) => countdownText(held, cell, NOW_MS)),
      ["Yours, 4:12 left", undefined, undefined],
    );
    const lease = board({ ms: 10_000, isLease: true }, [[1, 7_000]]);
    assert.equal(ownerText(lease, 1, NOW_MS), "yours while you are here");
    assert.equal(countdownText(lease, 1, NOW_MS), undefined);
    const plain = board(undefined, [[1, 7_000]]);
    assert.deepEqual(
      [1, 9].map((cell) => ownerAt(plain, cell)),
      [undefined, undefined],
    );
  });

  test("is nobody while the user gives it back", () => {
    const giving = board(HELD, [[1, 252_000]], [1]);
    assert.equal(ownerAt(giving, 1), undefined);
    assert.equal(summaryText(giving, NOW_MS), "0");
  });
});

describe("the summary", () => {
  test("counts the user's boxes, and says how soon the first one ends", () => {
    const of = (...mine: readonly (readonly [number, number | undefined])[]) => summaryText(board(HELD, mine), NOW_MS);
    assert.equal(of(), "0");
    assert.equal(of([1, 252_000]), "1, 4:12 left");
    assert.equal(of([1, 252_000], [2, 252_900]), "2, 4:12 left");
    assert.equal(of([1, 252_000], [2, 12_000]), "2, first ends in 0:12");
    assert.equal(of([1, undefined], [2, 12_000]), "2, first ends in 0:12");
    assert.equal(of([1, undefined], [2, undefined]), "2");
    assert.equal(summaryText(board({ ms: 9_000, isLease: true }, [[1, 8_000]]), NOW_MS), "1");
    assert.equal(summaryText(board(undefined), NOW_MS), undefined);
  });
});

describe("texts about claims", () => {
  test("say what a click does", () => {
    const of = (ms: number, isLease = false) => claimsText(board({ ms, isLease }), false);
    assert.equal(
      of(0),
      "Check a free box, and it is yours. Other people’s boxes have a cross, or are grey when small.",
    );
    assert.match(of(300_000) ?? "", /yours for 5 min\./);
    assert.match(of(90_000) ?? "", /yours for 90 s\./);
    assert.match(of(7_200_000) ?? "", /yours for 2 h\./);
    assert.match(of(259_200_000) ?? "", /yours for 3 d\./);
    assert.match(of(10_000, true) ?? "", /yours while you are here\./);
    assert.equal(claimsText(board(HELD), true), "Other people’s boxes have a cross, or are grey when small.");
    assert.equal(claimsText(board(undefined), false), undefined);
  });

  test("give a time in the units that fit it", () => {
    const times = [0, 400, 59_001, 252_000, 3_600_000, 3_852_000, 183_600_000].map(timeText);
    assert.deepEqual(times, ["0:00", "0:01", "1:00", "4:12", "1:00:00", "1:04:12", "2 d 3 h"]);
  });

  test("are announced for the focused checkbox at some times only", () => {
    const announced = Array.from({ length: 130 }, (_, seconds) => seconds).filter((seconds) =>
      isAnnounced(seconds * 1_000 - 100),
    );
    assert.deepEqual(announced, [0, 10, 30, 60, 120]);
  });
});
