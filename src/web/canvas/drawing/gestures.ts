/*
 * Turns the input of fingers, pen, mouse and wheel into gestures. Points are CSS pixels from the
 * canvas's corner. The listener decides what a gesture means.
 *
 *     finger, pen, left button        a tap; if moved, a stroke or a pan, as the listener decides
 *     a pen's other end               the same, as an eraser
 *     middle button, held space       a pan
 *     two fingers                     pan and zoom; a stroke in progress ends
 *     wheel, trackpad                 see wheel.ts; Safari reports a trackpad's pinch by itself
 *
 * While a pen touches, fingers are ignored: the hand rests on the screen.
 */

import type { Point } from "../../../board/plane.js";
import { Wheel } from "./wheel.js";

/** How the user pressed. */
export interface Press {
  readonly isTouch: boolean;
  /** The end of a pen that erases. */
  readonly isEraser: boolean;
}

interface GestureListener {
  hovered(point: Point | undefined): void;
  tapped(point: Point, press: Press): void;
  /** Decides the effect of a drag from here. */
  dragStarts(point: Point, press: Press): "stroke" | "pan" | "nothing";
  stroked(point: Point): void;
  strokeEnds(): void;
  /** The user did not end it: a second finger arrived, or the browser took the pointer. */
  strokeBreaksOff(): void;
  /** The second finger arrived so soon that no stroke was meant. */
  strokeCancelled(): void;
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
/** The fingers of a pinch do not land at the same moment. */
const PINCH_MS = 300;
/** Unless it is resized, the element is measured this often at most: it lays out the page. */
const MEASURED_MS = 250;
const MIDDLE_BUTTON = 1;
const ERASER_BUTTON = 5;

type Drag = "undecided" | "stroke" | "pan" | "nothing";

/** Safari's event of a trackpad's pinch. `scale` counts from its start. */
type PinchEvent = MouseEvent & { readonly scale: number };

export class Gestures {
  readonly #element: HTMLElement;
  readonly #listener: GestureListener;
  readonly #abort = new AbortController();
  readonly #wheel = new Wheel();
  readonly #fingers = new Map<number, Point>();
  #press: Press = { isTouch: false, isEraser: false };
  #isPen = false;
  #pinchScale = 1;
  #drag: Drag | undefined;
  #from: Point = { x: 0, y: 0 };
  #corner: (Point & { readonly ms: number }) | undefined;
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
    element.addEventListener("wheel", (event) => this.#wheeled(event), { signal, passive: false });
    for (const name of ["gesturestart", "gesturechange"]) {
      element.addEventListener(name, (event) => this.#pinchedTrackpad(event as PinchEvent), { signal });
    }
    // Otherwise a middle click would paste, or start to scroll.
    element.addEventListener("auxclick", (event) => event.preventDefault(), { signal });
    element.addEventListener("mousedown", (event) => event.button === MIDDLE_BUTTON && event.preventDefault(), {
      signal,
    });
    document.addEventListener("keydown", (event) => this.#space(event, true), { signal });
    document.addEventListener("keyup", (event) => this.#space(event, false), { signal, capture: true });
    // Releasing Space in another window sends no event here.
    window.addEventListener("blur", () => this.#releaseSpace(), { signal });
  }

  /** The element has another size, and perhaps another place. */
  resized(): void {
    this.#corner = undefined;
  }

  close(): void {
    this.#abort.abort();
  }

  #down(event: PointerEvent): void {
    const { button, pointerId, pointerType, timeStamp } = event;
    if (button > MIDDLE_BUTTON && button !== ERASER_BUTTON) return;
    const isTouch = pointerType === "touch";
    if (this.#isPen && isTouch) return;
    if (pointerType === "pen") {
      if (this.#drag === "stroke") this.#listener.strokeCancelled();
      this.#fingers.clear();
      this.#isPen = true;
    }
    const point = this.#pointOf(event);
    this.#element.setPointerCapture(pointerId);
    this.#fingers.set(pointerId, point);
    if (this.#fingers.size > 1) {
      if (this.#drag === "stroke") this.#endEarly(timeStamp);
      this.#drag = "pan";
      this.#trail = [];
      return;
    }
    this.#from = point;
    this.#press = { isTouch, isEraser: button === ERASER_BUTTON };
    this.#trail = [{ point, ms: timeStamp }];
    const isPan = button === MIDDLE_BUTTON || this.#isSpaceHeld;
    this.#wasSpaceUsed ||= this.#isSpaceHeld;
    this.#drag = isPan ? "pan" : "undecided";
  }

  #endEarly(nowMs: number): void {
    const isPinch = nowMs - (this.#trail[0]?.ms ?? nowMs) < PINCH_MS;
    if (isPinch) this.#listener.strokeCancelled();
    else this.#listener.strokeBreaksOff();
  }

  #moved(event: PointerEvent): void {
    const before = this.#fingers.get(event.pointerId);
    const point = this.#pointOf(event);
    if (event.pointerType !== "touch") this.#listener.hovered(point);
    if (!before) return;
    this.#fingers.set(event.pointerId, point);
    if (this.#fingers.size > 1) {
      this.#pinched(event.pointerId, before, point);
      return;
    }
    if (this.#drag === "undecided") {
      const least = event.pointerType === "touch" ? TOUCH_TAP_PX : TAP_PX;
      if (Math.hypot(point.x - this.#from.x, point.y - this.#from.y) < least) return;
      this.#drag = this.#listener.dragStarts(this.#from, this.#press);
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
    if (event.pointerType === "pen") this.#isPen = false;
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
    else if (drag === "undecided" && isDone) this.#listener.tapped(this.#pointOf(event), this.#press);
    else if (drag === "pan" && isDone) this.#listener.thrown(this.#throwAt(event.timeStamp));
  }

  #throwAt(nowMs: number): Point {
    const recent = this.#trail.filter(({ ms }) => nowMs - ms < THROW_MS);
    const [first, last] = [recent[0], recent.at(-1)];
    if (!first || !last || last.ms === first.ms) return { x: 0, y: 0 };
    const seconds = (last.ms - first.ms) / 1000;
    return { x: (last.point.x - first.point.x) / seconds, y: (last.point.y - first.point.y) / seconds };
  }

  #wheeled(event: WheelEvent): void {
    event.preventDefault();
    const move = this.#wheel.read(event);
    if (move.kind === "pan") this.#listener.panned(-move.dx, -move.dy);
    else this.#listener.wheeled(this.#pointOf(event), move.factor);
  }

  #pinchedTrackpad(event: PinchEvent): void {
    event.preventDefault();
    const before = event.type === "gesturestart" ? 1 : this.#pinchScale;
    this.#pinchScale = event.scale;
    // On a touch screen, Safari sends this event besides those of the fingers.
    if (this.#fingers.size === 0) this.#listener.wheeled(this.#pointOf(event), event.scale / before);
  }

  /** Space toggles the focused cell, unless it was held for a drag. */
  #space(event: KeyboardEvent, isDown: boolean): void {
    if (event.code !== "Space") return;
    if (isDown) {
      this.#isSpaceHeld = true;
      this.#element.dataset.hand = "";
    } else {
      if (this.#wasSpaceUsed) event.preventDefault();
      this.#releaseSpace();
    }
  }

  #releaseSpace(): void {
    this.#isSpaceHeld = false;
    this.#wasSpaceUsed = false;
    delete this.#element.dataset.hand;
  }

  #pointOf(event: MouseEvent): Point {
    if (!this.#corner || event.timeStamp - this.#corner.ms > MEASURED_MS) {
      const { left, top } = this.#element.getBoundingClientRect();
      this.#corner = { x: left, y: top, ms: event.timeStamp };
    }
    return { x: event.clientX - this.#corner.x, y: event.clientY - this.#corner.y };
  }
}
