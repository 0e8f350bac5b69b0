/*
 * Turns the input of fingers, mouse and wheel into gestures. Points are CSS pixels from the
 * canvas's corner. The listener decides what a gesture means.
 *
 *     one finger, left button      a tap; if moved, a stroke if the listener accepts it, or a pan
 *     middle button, held space    a pan
 *     two fingers                  pan and zoom; a stroke in progress breaks off
 *     wheel                        zoom; with Shift a pan; a trackpad's pinch is a wheel with Ctrl
 */

import type { Point } from "../view/plane.js";

interface GestureListener {
  hovered(point: Point | undefined): void;
  tapped(point: Point): void;
  /** False if a drag from here should move the view. */
  strokeStarts(point: Point): boolean;
  stroked(point: Point): void;
  strokeEnds(): void;
  /** The user did not end it: a second finger arrived, or the browser took the pointer. */
  strokeBreaksOff(): void;
  panned(dx: number, dy: number): void;
  /** CSS pixels per second. */
  thrown(velocity: Point): void;
  /** The place under the point stays there. */
  pinched(point: Point, factor: number): void;
  /** One of the two fingers was lifted. */
  pinchEnds(point: Point): void;
  wheeled(point: Point, factor: number): void;
}

/** A press that moves less is a tap. A finger is less steady than a mouse. */
const TAP_PX = 5;
const TOUCH_TAP_PX = 10;
const THROW_MS = 80;
const LINE_PX = 16;
const WHEEL_RATE = 0.0018;
const PINCH_RATE = 0.012;

type Drag = "undecided" | "stroke" | "pan";

export class Gestures {
  readonly #element: HTMLElement;
  readonly #listener: GestureListener;
  readonly #abort = new AbortController();
  readonly #fingers = new Map<number, Point>();
  #drag: Drag | undefined;
  #from: Point = { x: 0, y: 0 };
  #trail: { readonly point: Point; readonly ms: number }[] = [];
  #middle: Point | undefined;
  #isSpaceHeld = false;
  #wasSpaceUsed = false;

  constructor(element: HTMLElement, listener: GestureListener) {
    this.#element = element;
    this.#listener = listener;
    const { signal } = this.#abort;
    element.addEventListener("pointerdown", (event) => this.#down(event), { signal });
    element.addEventListener("pointermove", (event) => this.#moved(event), { signal });
    element.addEventListener("pointerup", (event) => this.#up(event, true), { signal });
    element.addEventListener("pointercancel", (event) => this.#up(event, false), { signal });
    element.addEventListener("pointerleave", () => listener.hovered(undefined), { signal });
    element.addEventListener("wheel", (event) => this.#wheel(event), { signal, passive: false });
    // Otherwise a middle click would paste, or start to scroll.
    element.addEventListener("auxclick", (event) => event.preventDefault(), { signal });
    element.addEventListener("mousedown", (event) => event.button === 1 && event.preventDefault(), { signal });
    document.addEventListener("keydown", (event) => this.#space(event, true), { signal });
    document.addEventListener("keyup", (event) => this.#space(event, false), { signal, capture: true });
    // Releasing Space in another window sends no event here.
    window.addEventListener("blur", () => this.#releaseSpace(), { signal });
  }

  close(): void {
    this.#abort.abort();
  }

  #down(event: PointerEvent): void {
    if (event.button > 1) return;
    const point = this.#pointOf(event);
    this.#element.setPointerCapture(event.pointerId);
    this.#fingers.set(event.pointerId, point);
    if (this.#fingers.size > 1) {
      if (this.#drag === "stroke") this.#listener.strokeBreaksOff();
      this.#drag = "pan";
      this.#trail = [];
      return;
    }
    this.#from = point;
    this.#trail = [{ point, ms: event.timeStamp }];
    const isPan = event.button === 1 || this.#isSpaceHeld;
    this.#wasSpaceUsed ||= this.#isSpaceHeld;
    this.#drag = isPan ? "pan" : "undecided";
  }

  #moved(event: PointerEvent): void {
    const before = this.#fingers.get(event.pointerId);
    const point = this.#pointOf(event);
    if (!before) {
      if (event.pointerType === "mouse") this.#listener.hovered(point);
      return;
    }
    this.#fingers.set(event.pointerId, point);
    if (this.#fingers.size > 1) {
      this.#pinched(event.pointerId, before, point);
      return;
    }
    if (this.#drag === "undecided") {
      const least = event.pointerType === "touch" ? TOUCH_TAP_PX : TAP_PX;
      if (Math.hypot(point.x - this.#from.x, point.y - this.#from.y) < least) return;
      this.#drag = this.#listener.strokeStarts(this.#from) ? "stroke" : "pan";
    }
    if (this.#drag === "stroke") {
      for (const each of event.getCoalescedEvents?.() ?? []) this.#listener.stroked(this.#pointOf(each));
      this.#listener.stroked(point);
    } else if (this.#drag === "pan") {
      this.#trail.push({ point, ms: event.timeStamp });
      const from = this.#trail.at(-2)?.point ?? before;
      this.#listener.panned(point.x - from.x, point.y - from.y);
    }
  }

  #pinched(finger: number, before: Point, point: Point): void {
    const other = [...this.#fingers].find(([id]) => id !== finger)?.[1];
    if (!other) return;
    const distance = (one: Point) => Math.max(1, Math.hypot(one.x - other.x, one.y - other.y));
    this.#listener.panned((point.x - before.x) / 2, (point.y - before.y) / 2);
    this.#middle = { x: (point.x + other.x) / 2, y: (point.y + other.y) / 2 };
    this.#listener.pinched(this.#middle, distance(point) / distance(before));
  }

  #up(event: PointerEvent, isDone: boolean): void {
    if (!this.#fingers.delete(event.pointerId)) return;
    if (this.#fingers.size > 0) {
      if (this.#middle) this.#listener.pinchEnds(this.#middle);
      this.#middle = undefined;
      this.#trail = [];
      return;
    }
    const drag = this.#drag;
    this.#drag = undefined;
    if (drag === "stroke" && isDone) this.#listener.strokeEnds();
    else if (drag === "stroke") this.#listener.strokeBreaksOff();
    else if (drag === "undecided" && isDone) this.#listener.tapped(this.#pointOf(event));
    else if (drag === "pan" && isDone) this.#listener.thrown(this.#throwAt(event.timeStamp));
  }

  #throwAt(nowMs: number): Point {
    const recent = this.#trail.filter(({ ms }) => nowMs - ms < THROW_MS);
    const [first, last] = [recent[0], recent.at(-1)];
    if (!first || !last || last.ms === first.ms) return { x: 0, y: 0 };
    const seconds = (last.ms - first.ms) / 1000;
    return { x: (last.point.x - first.point.x) / seconds, y: (last.point.y - first.point.y) / seconds };
  }

  #wheel(event: WheelEvent): void {
    event.preventDefault();
    const unit = event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : LINE_PX;
    const [dx, dy] = [event.deltaX * unit, event.deltaY * unit];
    if (event.shiftKey && !event.ctrlKey) this.#listener.panned(-(dx || dy), 0);
    else this.#listener.wheeled(this.#pointOf(event), Math.exp(-dy * (event.ctrlKey ? PINCH_RATE : WHEEL_RATE)));
  }

  /** Space toggles the focused cell, unless it was held for a drag. */
  #space(event: KeyboardEvent, isDown: boolean): void {
    if (event.code !== "Space") return;
    if (isDown) this.#isSpaceHeld = true;
    else {
      if (this.#wasSpaceUsed) event.preventDefault();
      this.#releaseSpace();
    }
  }

  #releaseSpace(): void {
    this.#isSpaceHeld = false;
    this.#wasSpaceUsed = false;
  }

  #pointOf(event: MouseEvent): Point {
    const { left, top } = this.#element.getBoundingClientRect();
    return { x: event.clientX - left, y: event.clientY - top };
  }
}
