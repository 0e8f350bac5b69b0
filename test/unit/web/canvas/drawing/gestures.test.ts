/* The gestures of fingers, mouse and Space, from a browser's events. */

import assert from "node:assert/strict";
import { setMaxListeners } from "node:events";
import { after, before, describe, test } from "node:test";
import { Gestures } from "../../../../../src/web/canvas/drawing/gestures.js";

/** The part of an element that gestures use. */
class Surface extends EventTarget {
  setPointerCapture(): void {}
  getBoundingClientRect() {
    return { left: 0, top: 0 };
  }
}

// Gestures listens to 11 events with one signal. Browsers do not mind. Node warns from 11 on, as of
// a leak.
setMaxListeners(20);

const names = ["document", "window"] as const;
const globals = new Map<string, PropertyDescriptor | undefined>();

before(() => {
  for (const name of names) {
    globals.set(name, Object.getOwnPropertyDescriptor(globalThis, name));
    Object.defineProperty(globalThis, name, { value: new EventTarget(), configurable: true });
  }
});
after(() => {
  for (const [name, descriptor] of globals) {
    if (descriptor) Object.defineProperty(globalThis, name, descriptor);
    else Reflect.deleteProperty(globalThis, name);
  }
});

/** `isDrawing`: a tool is in hand. */
function make(isDrawing: boolean) {
  const surface = new Surface();
  const told: string[] = [];
  const tell = (what: string) => () => {
    told.push(what);
  };
  const gestures = new Gestures(surface as unknown as HTMLElement, {
    hovered: () => undefined,
    tapped: tell("tap"),
    strokeStarts: () => {
      if (isDrawing) told.push("start");
      return isDrawing;
    },
    stroked: tell("stroke"),
    strokeEnds: tell("end"),
    strokeBreaksOff: tell("break off"),
    panned: (dx, dy) => told.push(`pan ${dx},${dy}`),
    thrown: tell("throw"),
    pinched: tell("pinch"),
    pinchEnds: tell("pinch ends"),
    wheeled: tell("wheel"),
  });
  const pointer = (type: string, clientX: number, more: object = {}) => {
    const fields = { pointerId: 1, pointerType: "mouse", button: 0, clientX, clientY: 0, ...more };
    surface.dispatchEvent(Object.assign(new Event(`pointer${type}`), fields));
  };
  const space = (type: "keydown" | "keyup") => {
    document.dispatchEvent(Object.assign(new Event(type), { code: "Space" }));
  };
  return { gestures, told, pointer, space };
}

describe("gestures", () => {
  test("a drag with a tool is a stroke, without one it moves the view; a press that hardly moves is a tap", () => {
    for (const isDrawing of [true, false]) {
      const { told, pointer } = make(isDrawing);
      pointer("down", 0);
      pointer("move", 20);
      pointer("up", 20);
      pointer("down", 50);
      pointer("move", 52);
      pointer("up", 52);
      assert.deepEqual(told, isDrawing ? ["start", "stroke", "end", "tap"] : ["pan 20,0", "throw", "tap"]);
    }
  });

  test("a stroke that a second finger or the browser ends is broken off", () => {
    const { told, pointer } = make(true);
    pointer("down", 0, { pointerType: "touch" });
    pointer("move", 20, { pointerType: "touch" });
    pointer("down", 90, { pointerType: "touch", pointerId: 2 });
    assert.deepEqual(told.splice(0), ["start", "stroke", "break off"]);
    pointer("up", 90, { pointerId: 2 });
    pointer("up", 20);
    told.length = 0;
    pointer("down", 0);
    pointer("move", 20);
    pointer("cancel", 20);
    assert.deepEqual(told, ["start", "stroke", "break off"]);
  });

  test("a drag with space held moves the view, and space is held no longer once the window is left", () => {
    const { told, pointer, space } = make(true);
    const drag = () => {
      pointer("down", 0);
      pointer("move", 20);
      pointer("up", 20);
      return told.splice(0);
    };
    space("keydown");
    assert.deepEqual(drag(), ["pan 20,0", "throw"]);
    // Released where the page does not hear of it.
    window.dispatchEvent(new Event("blur"));
    assert.deepEqual(drag(), ["start", "stroke", "end"]);
    space("keydown");
    drag();
    space("keyup");
    assert.deepEqual(drag(), ["start", "stroke", "end"]);
  });
});
