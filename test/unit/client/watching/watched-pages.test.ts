/* The watches of a page, and their end. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { PAGE_CELLS } from "../../../../src/board/geometry.js";
import { WatchedPages } from "../../../../src/client/watching/watched-pages.js";
import { Refusal } from "../../../../src/protocol/errors.js";
import { settle } from "../../../support/virtual-clock.js";

describe("the watched pages", () => {
  test("stay watched when a watch that was refused before is stopped", async () => {
    const released: number[] = [];
    const pages = new WatchedPages({ held: () => undefined, released: (numbers) => released.push(...numbers) });
    const refused = pages.watch({ start: 0, end: 10 });
    assert.deepEqual(pages.numbers, []);
    pages.resize(100);
    assert.deepEqual(pages.numbers, [0]);
    pages.fail([0], new Refusal("TOO_MANY_PAGES"));
    await assert.rejects(refused.ready, { code: "TOO_MANY_PAGES" });
    const watch = pages.watch({ start: 0, end: 10 });
    await settle();
    refused.stop();
    assert.deepEqual([pages.numbers, released], [[0], []]);
    watch.stop();
    assert.deepEqual([pages.numbers, released], [[], [0]]);
  });

  test("follow the board's size: pages come and go with it, and one of another size is loaded again", async () => {
    const released: number[] = [];
    const pages = new WatchedPages({ held: () => undefined, released: (numbers) => released.push(...numbers) });
    const watch = pages.watch({ start: 0, end: 4 * PAGE_CELLS });
    assert.deepEqual(pages.resize(PAGE_CELLS + 10), []);
    assert.deepEqual(pages.numbers, [0, 1]);
    const [whole, last] = [pages.get(0), pages.get(1)];
    assert.ok(whole && last);
    for (const page of [whole, last]) pages.markLoaded(page);
    await watch.ready;
    const before = whole.replica;
    assert.deepEqual(pages.resize(PAGE_CELLS + 20), [1]);
    assert.deepEqual([whole.isLoaded, last.isLoaded, last.replica.cells], [true, false, 20]);
    assert.deepEqual(pages.resize(PAGE_CELLS + 20), []);
    pages.resize(3 * PAGE_CELLS);
    assert.deepEqual([pages.numbers, released], [[0, 1, 2], []]);
    pages.resize(PAGE_CELLS);
    assert.deepEqual([pages.numbers, released], [[0], [1, 2]]);
    assert.equal(pages.get(0)?.replica, before);
    pages.resize(2 * PAGE_CELLS);
    watch.stop();
    assert.deepEqual(pages.numbers, []);
    pages.resize(3 * PAGE_CELLS);
    assert.deepEqual(pages.numbers, []);
  });
});
