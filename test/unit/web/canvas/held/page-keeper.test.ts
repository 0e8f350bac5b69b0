/* Which pages are watched, and for how long, against a source that counts. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { pageOf } from "../../../../../src/board/geometry.js";
import type { CellRange } from "../../../../../src/client/index.js";
import { watchOf } from "../../../../../src/client/watching/live-watch.js";
import { PageKeeper } from "../../../../../src/web/canvas/held/page-keeper.js";

class CountingSource {
  readonly open = new Map<number, number>();
  watches = 0;
  isRefusing = false;

  watch({ start }: CellRange) {
    const page = pageOf(start);
    this.watches++;
    this.open.set(page, (this.open.get(page) ?? 0) + 1);
    const held = {
      ready: this.isRefusing ? Promise.reject(new Error("too many")) : Promise.resolve(),
      stop: () => {
        this.open.set(page, (this.open.get(page) ?? 0) - 1);
        if (this.open.get(page) === 0) this.open.delete(page);
      },
    };
    return watchOf("main", held, undefined);
  }
}

function make(pagesMax = 10) {
  const source = new CountingSource();
  const events: string[] = [];
  const keeper = new PageKeeper(source, pagesMax, {
    loaded: (page) => events.push(`loaded ${page}`),
    left: (page) => events.push(`left ${page}`),
  });
  return { source, keeper, events };
}

describe("the page keeper", () => {
  test("watches a page once while it is wanted, and a while longer", async () => {
    const { source, keeper, events } = make();
    keeper.want([1, 2], 0);
    keeper.want([2], 1_000);
    keeper.want([2, 1], 5_000);
    assert.equal(source.watches, 2);
    keeper.want([2], 10_999);
    assert.deepEqual([...source.open.keys()].sort(), [1, 2]);
    keeper.want([2], 11_001);
    assert.deepEqual([...source.open.keys()], [2]);
    await new Promise(setImmediate);
    assert.deepEqual(events, ["left 1", "loaded 2"]);
  });

  test("a page that is refused is asked for again, but not with every frame", async () => {
    const { source, keeper, events } = make();
    source.isRefusing = true;
    keeper.want([1], 0);
    await new Promise(setImmediate);
    for (let nowMs = 16; nowMs < 2_000; nowMs += 16) keeper.want([1], nowMs);
    assert.equal(source.watches, 1);
    source.isRefusing = false;
    keeper.want([1], 2_000);
    await new Promise(setImmediate);
    assert.deepEqual([source.watches, source.open.get(1), events], [2, 1, ["loaded 1"]]);
  });

  test("past the bound, what was wanted longest ago goes first, and the least important is not had", () => {
    const { source, keeper } = make(3);
    keeper.want([1, 2, 3], 0);
    keeper.want([4], 10);
    assert.deepEqual([...source.open.keys()].sort(), [2, 3, 4]);
    keeper.want([5, 6, 7, 8], 20);
    assert.deepEqual([...source.open.keys()].sort(), [5, 6, 7]);
  });

  test("however one wanders, each page is watched at most once, within the bound, and at the end none", () => {
    const wander = fc.array(fc.tuple(fc.uniqueArray(fc.nat(20), { maxLength: 8 }), fc.nat(4_000)));
    fc.assert(
      fc.property(wander, (steps) => {
        const { source, keeper } = make(5);
        let nowMs = 0;
        for (const [pages, ms] of steps) {
          nowMs += ms;
          keeper.want(pages, nowMs);
          assert.ok(source.open.size <= 5);
          assert.ok([...source.open.values()].every((watches) => watches === 1));
          for (const page of pages.slice(0, 5)) assert.ok(source.open.has(page));
        }
        keeper.close();
        assert.equal(source.open.size, 0);
      }),
    );
  });
});
