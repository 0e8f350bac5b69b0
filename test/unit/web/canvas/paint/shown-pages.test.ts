/* Which pages a view has watched, against a board that is only asked. */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { pageOf } from "../../../../../src/board/geometry.js";
import { planeOf } from "../../../../../src/board/plane.js";
import type { Board, CellRange } from "../../../../../src/client/index.js";
import type { Palette } from "../../../../../src/web/canvas/paint/palette.js";
import { ShownPages } from "../../../../../src/web/canvas/paint/shown-pages.js";
import { Viewport } from "../../../../../src/web/canvas/view/viewport.js";

const SIZE = 100_000_000;
const PAGE_SIDE = 256;
const names = ["OffscreenCanvas", "ImageData"] as const;
const settled = () => new Promise((done) => setImmediate(done));

/** Nothing is painted here. */
class Pixels {
  readonly data: Uint8ClampedArray;
  constructor(width: number, height: number) {
    this.data = new Uint8ClampedArray(width * height * 4);
  }
}

before(() => {
  for (const name of names) Object.defineProperty(globalThis, name, { value: Pixels, configurable: true });
});
after(() => {
  for (const name of names) Reflect.deleteProperty(globalThis, name);
});

function make(watchedPagesMax: number) {
  const watched = new Set<number>();
  const board = {
    size: SIZE,
    limits: { watchedPagesMax },
    overview: undefined,
    on: () => () => {},
    watchOverview: () => ({ ready: Promise.resolve(), stop: () => {} }),
    watch: ({ start }: CellRange) => {
      watched.add(pageOf(start));
      return { ready: Promise.resolve(), stop: () => watched.delete(pageOf(start)) };
    },
    bitsOf: () => new Uint8Array(8_192),
    cellsOf: () => PAGE_SIDE * PAGE_SIDE,
  };
  const plane = planeOf(SIZE);
  const palette = { ramp: (steps: number) => new Uint32Array(steps + 1), unknown: 0 } as unknown as Palette;
  const listener = { changed: () => {}, cellsChanged: () => {}, pageChanged: () => {} };
  const pages = new ShownPages(board as unknown as Board, plane, palette, listener);
  const viewport = new Viewport(plane, () => false);
  viewport.resize({ width: 1_024, height: 512, density: 1 });
  // In the middle of a page, which is wider than the view.
  viewport.startAt({ x: 10.5 * PAGE_SIDE, y: 10.5 * PAGE_SIDE, scale: 8 });
  let nowMs = 0;
  const look = () => {
    nowMs += 16;
    viewport.tick(nowMs);
    pages.look(viewport, nowMs);
  };
  // Until it waits for the overview no longer.
  pages.look(viewport, 0);
  nowMs = 1_000;
  look();
  return { pages, viewport, watched, look };
}

describe("the shown pages", () => {
  test("of a view that moves, those it will come to are watched before they are in sight", () => {
    const { pages, viewport, watched, look } = make(1_000);
    assert.equal(watched.size, 1);
    for (let step = 0; step < 5; step++) {
      viewport.pan(-50, 0);
      look();
    }
    assert.equal(pages.inSight.length, 1);
    assert.equal(watched.size, 2, "the one on the right too");
  });

  test("a jump has nothing watched but what is in sight there", () => {
    const { pages, viewport, watched, look } = make(1_000);
    viewport.flyTo({ x: 20.5 * PAGE_SIDE, y: 20.5 * PAGE_SIDE, scale: 8 }, 1_016);
    for (let step = 0; step < 5; step++) look();
    assert.equal(pages.inSight.length, 1);
    assert.equal(watched.size, 2, "there, and where it was a moment ago");
  });

  test("where fewer pages may be watched than are in sight, all is here when those are", async () => {
    const { pages, viewport, watched, look } = make(8);
    assert.equal(pages.isComplete, false, "it has not come yet");
    await settled();
    assert.equal(pages.isComplete, true);
    viewport.zoom({ x: 512, y: 256 }, 1 / 8);
    look();
    assert.ok(pages.inSight.length > 8, `${pages.inSight.length} in sight`);
    assert.equal(pages.isComplete, false);
    await settled();
    assert.equal(watched.size, 6);
    assert.equal(pages.isComplete, true);
  });
});
