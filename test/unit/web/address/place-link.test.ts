import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { formatPlace, parsePlace } from "../../../../src/web/address/place-link.js";

describe("a link to a place", () => {
  test("says what it was made of", () => {
    assert.equal(formatPlace(123_456, 24), "#cell=123456&zoom=24");
    assert.deepEqual(parsePlace(formatPlace(123_456, 0.039_241), 1_000_000), { cell: 123_456, scale: 0.03924 });
    assert.deepEqual(parsePlace(formatPlace(7), 10), { cell: 7, scale: undefined });
    assert.deepEqual(parsePlace("#cell=7&zoom=1e9", 10), { cell: 7, scale: 80 });
  });

  test("that names no place of the board is none", () => {
    for (const hash of [
      "",
      "#",
      "#cell=10&zoom=5",
      "#cell=-1",
      "#cell=1.5",
      "#cell=x",
      "#zoom=5",
      "#cell=99999999999",
    ]) {
      assert.equal(parsePlace(hash, 10), undefined, hash);
    }
    assert.deepEqual(parsePlace("#cell=1&zoom=-3", 10), { cell: 1, scale: undefined });
  });
});
