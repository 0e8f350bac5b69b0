/*
 * The canvas's size in pixels, on a screen that is another meanwhile: of the browser, only what it
 * asks.
 */

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Surface } from "../../../../../src/web/canvas/paint/surface.js";
import type { View } from "../../../../../src/web/canvas/view/camera.js";

/** A query that matches one resolution, or none. */
class Query extends EventTarget {
  readonly #dppx: number;
  #matched: boolean;
  listeners = 0;

  constructor(text: string) {
    super();
    this.#dppx = Number(/^\(resolution: (.+)dppx\)$/.exec(text)?.[1]);
    this.#matched = this.matches;
  }

  get matches(): boolean {
    return this.#dppx === screen.devicePixelRatio;
  }

  override addEventListener(...args: Parameters<EventTarget["addEventListener"]>): void {
    this.listeners++;
    super.addEventListener(...args);
  }

  override removeEventListener(...args: Parameters<EventTarget["removeEventListener"]>): void {
    this.listeners--;
    super.removeEventListener(...args);
  }

  look(): void {
    if (this.#matched !== this.matches) this.dispatchEvent(new Event("change"));
    this.#matched = this.matches;
  }
}

const screen = { devicePixelRatio: 1 };
const queries: Query[] = [];
const context = { fillRect: () => {}, getImageData: () => ({ data: new Uint8ClampedArray(4) }) };
const browser = {
  window: screen,
  matchMedia: (text: string) => {
    const query = new Query(text);
    queries.push(query);
    return query;
  },
  getComputedStyle: () => ({ getPropertyValue: () => "" }),
  ResizeObserver: class {
    observe() {}
    disconnect() {}
  },
  OffscreenCanvas: class {
    getContext = () => context;
  },
};

before(() => {
  for (const [name, value] of Object.entries(browser)) {
    Object.defineProperty(globalThis, name, { value, configurable: true });
  }
});
after(() => {
  for (const name of Object.keys(browser)) Reflect.deleteProperty(globalThis, name);
});

describe("the surface", () => {
  test("has as many pixels as the screen it is on, each time that comes to be another", () => {
    const box = { width: 300, height: 200 };
    const canvas = { width: 0, height: 0, getBoundingClientRect: () => box, getContext: () => context };
    const views: View[] = [];
    const surface = new Surface(canvas as unknown as HTMLCanvasElement, {
      resized: (view) => views.push(view),
      recolored: () => assert.fail("no colour is another"),
    });
    for (const dppx of [2, 1.5, 1]) {
      screen.devicePixelRatio = dppx;
      for (const query of [...queries]) query.look();
      assert.deepEqual(views.splice(0), [{ width: 300, height: 200, density: dppx }]);
      assert.deepEqual([canvas.width, canvas.height], [300 * dppx, 200 * dppx]);
    }
    surface.close();
    assert.ok(
      queries.every(({ listeners }) => listeners === 0),
      "and listens no longer",
    );
  });
});
