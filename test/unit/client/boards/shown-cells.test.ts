/* The cells that a board shows, and the changes that it reports. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { packChanges } from "../../../../src/board/delta.js";
import { GENESIS } from "../../../../src/board/position.js";
import { ShownCells } from "../../../../src/client/boards/shown-cells.js";
import { Outbox } from "../../../../src/client/outbox/outbox.js";
import { WatchedPages } from "../../../../src/client/watching/watched-pages.js";

function setUp() {
  const outbox = new Outbox();
  const pages = new WatchedPages({ held: () => undefined, released: () => undefined });
  pages.hold([0], 100);
  pages.initial.add({ start: 0, end: 10 });
  const page = pages.get(0);
  assert.ok(page);
  return { outbox, pages, page, shown: new ShownCells(outbox, pages) };
}

describe("the shown cells", () => {
  test("a wish is shown over the replica, and the replica again when the change is in it", () => {
    const { outbox, pages, page, shown } = setUp();
    pages.markLoaded(page);
    outbox.set(5, 1, 0, () => undefined);
    assert.equal(shown.get(5), true);
    outbox.take(10, 32);
    outbox.acknowledged(1, new Map([[0, 1]]));
    const to = { version: 1, tag: "aaaaaaaa" };
    const changes = shown.receive(page, { kind: "delta", page: 0, from: GENESIS, to, changes: packChanges([[5, 1]]) });
    assert.deepEqual(changes, [], "it shows what it showed before");
    assert.equal(shown.get(5), true);
  });

  test("a wish that ends before its page can be read is reported when it can", () => {
    const { outbox, pages, page, shown } = setUp();
    for (const cell of [5, 6, 7]) outbox.set(cell, 1, 0, () => undefined);
    outbox.take(10, 32);
    outbox.acknowledged(1, new Map([[0, 3]]));
    // Meanwhile somebody else has unchecked two of them.
    const bits = Uint8Array.from([0b00000010]);
    const snapshot = { kind: "snapshot", page: 0, position: { version: 4, tag: "aaaaaaaa" }, bits } as const;
    assert.deepEqual(shown.receive(page, snapshot), []);
    outbox.set(7, 1, 0, () => undefined);
    pages.markLoaded(page);
    assert.deepEqual(shown.loaded(0), [
      { cell: 6, value: true, mine: false },
      { cell: 5, value: false, mine: false },
    ]);
  });

  test("of a loaded page, checked cells are reported in the ranges that ask for it", () => {
    const { pages, page, shown } = setUp();
    const bits = Uint8Array.from([0b00000010, 0b00110000]);
    shown.receive(page, { kind: "snapshot", page: 0, position: { version: 4, tag: "aaaaaaaa" }, bits });
    pages.markLoaded(page);
    assert.deepEqual(shown.loaded(0), [{ cell: 6, value: true, mine: false }]);
    assert.equal(shown.get(10), true);
  });

  test("a wish whose cell is checked when its page is loaded is reported, whatever the watch asks for", () => {
    const { outbox, page, pages, shown } = setUp();
    outbox.set(12, 0, 0, () => undefined);
    outbox.take(10, 32);
    outbox.acknowledged(1, new Map([[0, 3]]));
    const bits = Uint8Array.from([0, 0b00001000]);
    shown.receive(page, { kind: "snapshot", page: 0, position: { version: 4, tag: "aaaaaaaa" }, bits });
    pages.markLoaded(page);
    assert.deepEqual(shown.loaded(0), [{ cell: 12, value: true, mine: false }]);
  });
});
