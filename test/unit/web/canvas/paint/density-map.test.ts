import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { toneOf } from "../../../../../src/web/canvas/paint/density-map.js";

describe("the tone of a density", () => {
  test("one cell among 65,536 is seen, and more is shown as more", () => {
    const tones = [0, 1, 2, 100, 10_000, 65_536].map((cells) => toneOf(cells / 65_536));
    assert.equal(tones[0], 0);
    assert.ok((tones[1] ?? 0) > 0.15, `${tones[1]}`);
    assert.equal(tones.at(-1), 1);
    assert.deepEqual(
      tones,
      tones.toSorted((a, b) => a - b),
    );
  });
});
