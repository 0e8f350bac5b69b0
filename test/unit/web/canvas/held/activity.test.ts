import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Activity } from "../../../../../src/web/canvas/held/activity.js";

describe("activity", () => {
  test("names the warmest pages and the cell that changed last, and forgets what has cooled", () => {
    const activity = new Activity();
    for (let change = 0; change < 5; change++) activity.addCell(65_536 + change, 0);
    activity.add(7, 3, 0);
    const [first, second] = activity.warmest(2, 0);
    assert.deepEqual([first?.page, first?.cell, second?.page, second?.cell], [1, 65_540, 7, undefined]);
    activity.add(7, 1, 60_000);
    activity.forget(60_000);
    assert.deepEqual(
      activity.warmest(5, 60_000).map(({ page }) => page),
      [7],
    );
  });
});
