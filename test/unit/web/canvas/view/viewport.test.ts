/* The view: the camera's arithmetic, its motion in time, and the pages that it needs. */

import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { planeOf } from "../../../../../src/board/plane.js";
import {
  boundCamera,
  boundScale,
  fitCamera,
  seenArea,
  toPlane,
  toView,
  zoomTo,
} from "../../../../../src/web/canvas/view/camera.js";
import { areaAhead, pagesIn, SEEN_PAGES_MAX, showsCells } from "../../../../../src/web/canvas/view/sight.js";
import { Viewport } from "../../../../../src/web/canvas/view/viewport.js";

const view = { width: 1_000, height: 600, density: 1 };
const million = planeOf(1_000_000);
const billion = planeOf(1_000_000_000);
const near = (a: number, b: number) => assert.ok(Math.abs(a - b) < 1e-6, `${a} is not ${b}`);

describe("the camera", () => {
  test("a zoom keeps the place under the pointer, and a place and its point lead to each other", () => {
    const number = (min: number, max: number) => fc.double({ min, max, noNaN: true });
    fc.assert(
      fc.property(number(0, 1_000), number(0, 600), number(0.01, 80), number(0.01, 80), (x, y, scale, next) => {
        const camera = { x: 500, y: 400, scale };
        const place = toPlane(camera, view, { x, y });
        const zoomed = zoomTo(camera, view, { x, y }, next);
        const point = toView(zoomed, view, place);
        near(point.x / 1_000, x / 1_000);
        near(point.y / 1_000, y / 1_000);
      }),
    );
  });

  test("cells of some pixels are whole device pixels wide", () => {
    assert.equal(boundScale(10.4, million, view), 10);
    assert.equal(boundScale(10.4, million, { ...view, density: 2 }), 10.5);
    assert.equal(boundScale(1_000, million, view), 80);
    assert.equal(boundScale(0, million, view), fitCamera(million, view).scale);
  });

  test("most of the view stays on the board; a board that is smaller stays in the middle", () => {
    assert.deepEqual(boundCamera({ x: -900, y: 5_000, scale: 10 }, million, view), { x: 12.5, y: 1_016.5, scale: 10 });
    assert.deepEqual(boundCamera({ x: 0, y: 0, scale: 0.1 }, million, view), { x: 512, y: 512, scale: 0.1 });
  });
});

describe("the viewport", () => {
  const make = (isStill = false) => {
    const viewport = new Viewport(million, () => isStill);
    viewport.resize(view);
    viewport.tick(0);
    return viewport;
  };

  test("shows the whole board until it is moved, whatever its size", () => {
    const viewport = make();
    viewport.resize({ ...view, height: 300 });
    assert.deepEqual(viewport.camera, fitCamera(million, viewport.view));
    viewport.zoom({ x: 0, y: 0 }, 8);
    const { scale } = viewport.camera;
    viewport.resize(view);
    assert.equal(viewport.camera.scale, scale);
  });

  test("that starts at a place is there before it has a size, and stays", () => {
    const viewport = new Viewport(million, () => false);
    viewport.startAt({ x: 300.5, y: 200.5, scale: 24 });
    viewport.resize(view);
    assert.deepEqual(viewport.camera, { x: 300.5, y: 200.5, scale: 24 });
  });

  test("small turns of the wheel add up although scales come to rest in whole pixels", () => {
    const viewport = make(true);
    viewport.flyTo({ x: 500, y: 500, scale: 10 }, 0);
    for (let turn = 0; turn < 20; turn++) viewport.wheel({ x: 10, y: 10 }, 1.01);
    assert.equal(viewport.camera.scale, 12);
    for (let turn = 0; turn < 1_000; turn++) viewport.wheel({ x: 10, y: 10 }, 1.5);
    viewport.wheel({ x: 10, y: 10 }, 0.9);
    assert.equal(viewport.camera.scale, 72, "turns past the end are not saved up");
  });

  test("a turn of the wheel zooms step by step, keeps the place under the pointer, and ends in whole pixels", () => {
    const viewport = make();
    const point = { x: 700, y: 100 };
    viewport.flyTo({ x: 500, y: 500, scale: 10 }, 0);
    viewport.tick(1_000);
    const place = toPlane(viewport.camera, view, point);
    viewport.wheel(point, 1.45);
    assert.equal(viewport.target.scale, 15);
    let before = viewport.camera.scale;
    for (let nowMs = 1_016; viewport.isMoving; nowMs += 16) {
      viewport.tick(nowMs);
      const { scale } = viewport.camera;
      assert.ok(scale > before && scale / before < 1.12, `from ${before} to ${scale}`);
      near(toPlane(viewport.camera, view, point).x, place.x);
      before = scale;
      assert.ok(nowMs < 3_000);
    }
    assert.equal(viewport.camera.scale, 15);
  });

  test("two fingers zoom to any scale, and what they leave settles; who drags on finds whole pixels", () => {
    const viewport = make();
    viewport.flyTo({ x: 500, y: 500, scale: 10 }, 0);
    viewport.tick(1_000);
    viewport.zoom({ x: 10, y: 10 }, 1.03);
    near(viewport.camera.scale, 10.3);
    viewport.settle({ x: 10, y: 10 });
    viewport.pan(1, 0);
    assert.equal(viewport.camera.scale, 10);
  });

  test("a flight arrives exactly, and is a jump for who wants no motion or where it is far", () => {
    const to = { x: 300, y: 300, scale: 24 };
    const viewport = make();
    viewport.flyTo({ x: 290, y: 300, scale: 24 }, 0);
    viewport.tick(10_000);
    viewport.flyTo(to, 10_000);
    viewport.tick(10_100);
    assert.ok(viewport.isMoving && viewport.camera.x > 290 && viewport.camera.x < 300);
    viewport.tick(11_000);
    assert.deepEqual([viewport.camera, viewport.isMoving], [to, false]);
    const still = make(true);
    still.flyTo(to, 0);
    assert.deepEqual([still.camera, still.isMoving], [to, false]);
    viewport.flyTo({ x: 1_000, y: 1_000, scale: 24 }, 12_000);
    assert.equal(viewport.isMoving, false);
  });

  test("a jump has no velocity, and takes away what there was", () => {
    for (const isStill of [true, false]) {
      const viewport = make(isStill);
      viewport.flyTo({ x: 500, y: 500, scale: 24 }, 0);
      viewport.tick(1_000);
      viewport.tick(1_016);
      viewport.pan(-40, 0);
      viewport.tick(1_032);
      assert.notEqual(viewport.velocity.x, 0);
      viewport.flyTo({ x: 900, y: 900, scale: 24 }, 1_032);
      assert.equal(viewport.isMoving, false, "it is a jump");
      for (const nowMs of [1_032, 1_048, 1_064]) {
        viewport.tick(nowMs);
        assert.deepEqual(viewport.velocity, { x: 0, y: 0 });
      }
    }
  });

  test("a thrown view glides on, slower and slower, and says how fast; a touch stops it", () => {
    const viewport = make();
    viewport.flyTo({ x: 500, y: 500, scale: 10 }, 0);
    viewport.tick(1_000);
    viewport.throwBy({ x: -2_000, y: 0 });
    const steps: number[] = [];
    let nowMs = 1_000;
    while (viewport.isMoving) {
      const before = viewport.camera.x;
      nowMs += 16;
      viewport.tick(nowMs);
      steps.push(viewport.camera.x - before);
      assert.ok(steps.length < 1_000);
    }
    assert.ok(steps.every((step, index) => step > 0 && step < (steps[index - 1] ?? Number.POSITIVE_INFINITY)));
    viewport.throwBy({ x: -2_000, y: 0 });
    viewport.tick(nowMs + 16);
    assert.ok(viewport.velocity.x > 0);
    viewport.pan(0, 0);
    assert.equal(viewport.isMoving, false, "a hand stops it");
  });
});

describe("the pages in sight", () => {
  test("are those the view touches, the nearest to its middle first", () => {
    const area = seenArea({ x: 300, y: 128, scale: 10 }, view);
    assert.deepEqual(
      pagesIn(million, area),
      [0, 1].sort((a, b) => a - b),
    );
    assert.equal(pagesIn(million, { left: 0, top: 0, right: 1_024, bottom: 1_024 }).length, 16);
    assert.equal(pagesIn(million, { left: 0, top: 0, right: 768, bottom: 768 })[0], 3);
    assert.deepEqual(pagesIn(million, { left: -500, top: -500, right: -1, bottom: -1 }), []);
  });

  test("in the direction of travel more are wanted, at most a view ahead", () => {
    const area = { left: 100, top: 100, right: 200, bottom: 150 };
    assert.deepEqual(areaAhead(area, { x: 50, y: -50 }), { left: 100, top: 80, right: 220, bottom: 150 });
    assert.deepEqual(areaAhead(area, { x: -1e9, y: 0 }), { left: 0, top: 100, right: 200, bottom: 150 });
  });

  test("where pages are a few pixels, or too many, no cells are asked for", () => {
    assert.equal(showsCells(billion, fitCamera(billion, view), view), false);
    assert.equal(showsCells(million, fitCamera(million, view), view), true);
    assert.equal(showsCells(billion, { x: 500, y: 500, scale: 1 }, view), true);
    assert.equal(showsCells(planeOf(2_000_000), { x: 500, y: 500, scale: 0.1 }, view), false, "31 pages of 26 pixels");
    assert.equal(showsCells(million, { x: 500, y: 500, scale: 0.1 }, view), true, "all 16 pages");
    for (const scale of [0.05, 0.1, 0.2, 0.4, 1, 10]) {
      const camera = { x: 9_000, y: 9_000, scale };
      const pages = pagesIn(billion, seenArea(camera, view)).length;
      if (showsCells(billion, camera, view)) assert.ok(pages <= SEEN_PAGES_MAX, `${pages} pages at ${scale}`);
    }
  });
});
