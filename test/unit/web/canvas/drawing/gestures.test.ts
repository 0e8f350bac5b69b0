/* The gestures of fingers, mouse and Space, from a browser's events. */

import assert from "node:assert/strict";
import { setMaxListeners } from "node:events";
import { after, before, describe, test } from "node:test";
import { Gestures } from "../../../../../src/web/canvas/drawing/gestures.js";

/** The part of an element that gestures use. */
class Surface extends EventTarget {
  readonly dataset = {};
  setPointerCapture(): void {}
  left = 0;
  getBoundingClientRect() {
    return { left: this.left, top: 0 };
  }
}

// Gestures listens to 13 events with one signal. Browsers do not mind. Node warns from 11 on, as of
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
  const hovered: { at: number | undefined } = { at: undefined };
  const tell = (what: string) => () => {
    told.push(what);
  };
  const gestures = new Gestures(surface as unknown as HTMLElement, {
    hovered: (point) => {
      hovered.at = point?.x;
    },
    tapped: (_, { isEraser }) => told.push(isEraser ? "erasing tap" : "tap"),
    dragStarts: (_, { isEraser }) => {
      if (isDrawing) told.push(isEraser ? "start erasing" : "start");
      return isDrawing ? "stroke" : "pan";
    },
    stroked: tell("stroke"),
    strokeEnds: tell("end"),
    strokeBreaksOff: tell("break off"),
    strokeCancelled: tell("cancel"),
    panned: (dx, dy) => told.push(`pan ${dx},${dy}`),
    thrown: tell("throw"),
    pinched: tell("pinch"),
    pinchEnds: tell("pinch ends"),
    wheeled: (_, factor) => told.push(`zoom ${factor.toFixed(2)}`),
  });
  const pointer = (type: string, clientX: number, more: object = {}, timeMs = 0) => {
    const fields = { pointerId: 1, pointerType: "mouse", button: 0, clientX, clientY: 0, ...more };
    const event = Object.assign(new Event(`pointer${type}`), fields);
    surface.dispatchEvent(Object.defineProperty(event, "timeStamp", { value: timeMs }));
  };
  const space = (type: "keydown" | "keyup") => {
    document.dispatchEvent(Object.assign(new Event(type), { code: "Space" }));
  };
  const send = (type: string, fields: object) => {
    const event = Object.assign(new Event(type, { cancelable: true }), { clientX: 0, clientY: 0, ...fields });
    surface.dispatchEvent(event);
    return event;
  };
  return { surface, gestures, told, hovered, pointer, space, send };
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

  test("a stroke that a second finger or the browser ends is broken off, or cancelled if it was a pinch", () => {
    for (const [timeMs, ending] of [
      [5_000, "break off"],
      [100, "cancel"],
    ] as const) {
      const { told, pointer } = make(true);
      const touch = { pointerType: "touch" };
      pointer("down", 0, touch, 0);
      pointer("move", 20, touch, 10);
      pointer("down", 90, { ...touch, pointerId: 2 }, timeMs);
      assert.deepEqual(told.splice(0), ["start", "stroke", ending]);
    }
    const { told, pointer } = make(true);
    pointer("down", 0);
    pointer("move", 20);
    pointer("cancel", 20);
    assert.deepEqual(told, ["start", "stroke", "break off"]);
  });

  test("two fingers pan and zoom at once, and the one that remains pans", () => {
    const { told, pointer } = make(false);
    const touch = { pointerType: "touch" };
    pointer("down", 0, touch);
    pointer("down", 100, { ...touch, pointerId: 2 });
    pointer("move", 200, { ...touch, pointerId: 2 });
    assert.deepEqual(told.splice(0), ["pan 50,0", "pinch"]);
    pointer("up", 200, { ...touch, pointerId: 2 });
    pointer("move", 10, touch);
    assert.deepEqual(told, ["pinch ends", "pan 10,0"]);
  });

  test("a pen draws, its other end erases, and the hand that rests on the screen does nothing", () => {
    const { told, pointer } = make(true);
    const pen = { pointerType: "pen", pointerId: 7 };
    const palm = { pointerType: "touch", pointerId: 8 };
    pointer("down", 0, pen);
    pointer("down", 50, palm);
    pointer("move", 20, pen);
    pointer("move", 90, palm);
    pointer("up", 90, palm);
    pointer("up", 20, pen);
    assert.deepEqual(told.splice(0), ["start", "stroke", "end"]);
    pointer("down", 50, palm);
    pointer("down", 0, { ...pen, button: 5 });
    pointer("move", 20, pen);
    pointer("up", 20, pen);
    assert.deepEqual(told, ["start erasing", "stroke", "end"], "also if the hand came first");
  });

  test("the place pointed at follows a stroke and a pan", () => {
    for (const isDrawing of [true, false]) {
      const { hovered, pointer } = make(isDrawing);
      pointer("move", 3);
      assert.equal(hovered.at, 3);
      pointer("down", 3);
      pointer("move", 40);
      assert.equal(hovered.at, 40);
    }
  });

  test("a drag that does nothing is not a tap either", () => {
    const { told, pointer } = make(true);
    pointer("down", 0, { button: 2 });
    pointer("move", 30);
    pointer("up", 30);
    assert.deepEqual(told, []);
  });

  test("a wheel zooms, a trackpad moves, and nothing of it scrolls the page; Safari's pinch zooms", () => {
    const { told, send } = make(false);
    const turn = { deltaX: 0, deltaY: 0, deltaMode: 0, shiftKey: false, ctrlKey: false };
    assert.ok(send("wheel", { ...turn, deltaX: 7, deltaY: -3 }).defaultPrevented);
    send("wheel", { ...turn, deltaY: 4, ctrlKey: true });
    send("gesturestart", { scale: 1 });
    send("gesturechange", { scale: 2 });
    assert.ok(send("gesturechange", { scale: 3 }).defaultPrevented);
    assert.deepEqual(told, ["pan -7,3", "zoom 0.95", "zoom 1.00", "zoom 2.00", "zoom 1.50"]);
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

  test("points count from where the element is after it was resized", () => {
    const { surface, gestures, hovered, pointer } = make(false);
    pointer("move", 50);
    assert.equal(hovered.at, 50);
    surface.left = 20;
    gestures.resized();
    pointer("move", 50, {}, 1);
    assert.equal(hovered.at, 30);
  });
});
