/* How single cells are drawn, against a context that records its calls. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { planeOf } from "../../../../../src/board/plane.js";
import { paintCells } from "../../../../../src/web/canvas/paint/cells.js";
import type { Context } from "../../../../../src/web/canvas/paint/context.js";
import type { PagesScene } from "../../../../../src/web/canvas/paint/pages.js";
import { Screen } from "../../../../../src/web/canvas/view/screen.js";

describe("cells", () => {
  test("that are boxes appear with their page, as far as it has", () => {
    const shares: number[] = [];
    const context = { globalAlpha: 1, fillRect: () => assert.equal(context.globalAlpha, 1) };
    const boxes = {
      begin: () => undefined,
      draw: () => shares.push(context.globalAlpha),
      end: () => undefined,
      isUnfinished: false,
      plain: [],
    };
    const scene = {
      plane: planeOf(1_000_000),
      palette: {},
      boxes,
      inSight: [0, 1, 2],
      pages: new Map([
        [0, { picture: {}, sinceMs: 0 }],
        [1, { picture: {}, sinceMs: 950 }],
      ]),
      nowMs: 1_000,
      fadeMs: 200,
    };
    const screen = new Screen({ x: 256, y: 256, scale: 24 }, { width: 1_000, height: 600, density: 1 });
    const paint = (fadeMs: number) => {
      paintCells(context as unknown as Context, screen, { ...scene, fadeMs } as unknown as PagesScene);
      return shares.splice(0);
    };
    assert.deepEqual(paint(200), [1, 0.25]);
    assert.deepEqual(paint(0), [1, 1]);
    assert.equal(context.globalAlpha, 1);
  });
});
