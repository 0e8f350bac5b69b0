/* Overview frames: an encoded frame decodes to itself, and other bytes decode or are refused. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { PAGE_CELLS } from "../../src/board/geometry.js";
import { decodeCounts, decodeOverview, encodeCounts, encodeOverview } from "../../src/protocol/overview-codec.js";

const handle = fc.nat(65_535);
const checked = fc.oneof(fc.constantFrom(0, 1, 65_535, PAGE_CELLS), fc.nat(PAGE_CELLS));
/** Boards from untouched to full. */
const counts = fc
  .array(fc.tuple(fc.constantFrom(0, 0, 1), checked), { maxLength: 400 })
  .map((list) => Uint32Array.from(list, ([touched, count]) => touched * count));
/** The pages of a board of 1,000,000,000 cells. */
const BILLION_PAGES = 15_259;

describe("the overview's frames", () => {
  test("an overview comes back as it went", () => {
    fc.assert(
      fc.property(handle, counts, (board, all) => {
        const bytes = encodeOverview(board, all);
        assert.ok(bytes.length <= 3 + 2.5 * all.length + 4, `${bytes.length} bytes for ${all.length} pages`);
        assert.deepEqual(
          decodeOverview(bytes, () => all.length),
          { handle: board, content: all },
        );
      }),
    );
  });

  test("a billion cells take at most 32 KB, and nothing where nothing is checked", () => {
    const full = encodeOverview(0, new Uint32Array(BILLION_PAGES).fill(PAGE_CELLS));
    const everyOther = encodeOverview(
      0,
      Uint32Array.from({ length: BILLION_PAGES }, (_, page) => (page % 2) * 300),
    );
    assert.ok(full.length <= 32_768 && everyOther.length <= 32_768, `${full.length}, ${everyOther.length}`);
    assert.equal(encodeOverview(0, new Uint32Array(BILLION_PAGES)).length, 1);
  });

  test("counts come back as they went", () => {
    const some = fc.uniqueArray(fc.tuple(fc.nat(65_535), checked), { selector: ([page]) => page });
    fc.assert(
      fc.property(handle, some, (board, list) => {
        const pages = list.toSorted(([a], [b]) => a - b);
        assert.deepEqual(
          decodeCounts(encodeCounts(board, pages), () => 65_536),
          { handle: board, content: pages },
        );
      }),
    );
  });

  test("any bytes at all decode to counts of the board's pages or to nothing", () => {
    const pages = fc.integer({ min: 1, max: 300 });
    // Whatever their form, and near the right one.
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 60 }),
      counts.map((all) => encodeOverview(0, all)),
    );
    fc.assert(
      fc.property(bytes, pages, fc.nat(80), fc.nat(255), (frame, count, at, byte) => {
        const broken = Uint8Array.from(frame);
        if (at < broken.length) broken[at] = byte;
        const whole = decodeOverview(broken, () => count);
        assert.ok(!whole || (whole.content.length === count && whole.content.every((each) => each <= PAGE_CELLS)));
        const some = decodeCounts(broken, () => count);
        let last = -1;
        for (const [page, each] of some?.content ?? []) {
          assert.ok(page > last && page < count && each >= 0 && each <= PAGE_CELLS);
          last = page;
        }
      }),
      { numRuns: 3_000 },
    );
  });

  test("an overview that is cut short, too long, or of no board is none", () => {
    const all = Uint32Array.of(0, 5, 5, 0, 70, 0);
    const bytes = encodeOverview(9, all);
    const pages = () => all.length;
    assert.ok(decodeOverview(bytes, pages));
    const cuts = [2, 3, 4, 5, 6, 8, 9, 10];
    for (const length of cuts) assert.equal(decodeOverview(bytes.subarray(0, length), pages), undefined, `${length}`);
    assert.equal(decodeOverview(Uint8Array.of(...bytes, 1, 1, 0, 0), pages), undefined);
    assert.equal(
      decodeOverview(bytes, () => 4),
      undefined,
    );
    assert.equal(
      decodeOverview(bytes, () => undefined),
      undefined,
    );
  });
});
