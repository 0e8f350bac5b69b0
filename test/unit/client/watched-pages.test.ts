/* The watches of a page, and their end. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { WatchedPages } from "../../../src/client/watched-pages.js";
import { Refusal } from "../../../src/protocol/errors.js";
import { settle } from "../../support/virtual-clock.js";

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
});
