/* How the view moves by itself: flight to a target, zoom, glide after a throw. Pure. */

import type { Point } from "../../../board/plane.js";
import { between, type Camera } from "./camera.js";

export type Motion =
  | { readonly kind: "flight"; readonly from: Camera; readonly to: Camera; readonly startMs: number }
  | { readonly kind: "zoom"; readonly point: Point }
  | { readonly kind: "glide"; readonly velocity: Point };

const FLIGHT_MS = 260;
/** The time in which a zoom covers all but 1/e of its way, and how near its end it stops. */
const ZOOM_MS = 55;
const ZOOM_DONE = 0.003;
const GLIDE_MS = 325;
const GLIDE_PX_PER_S_MIN = 25;
const SMOOTHING_MS = 120;

/** Where a flight is at this moment. It is done when the camera is its target. */
export function flightAt({ from, to, startMs }: Motion & { kind: "flight" }, nowMs: number): Camera {
  const share = Math.min(1, (nowMs - startMs) / FLIGHT_MS);
  return share === 1 ? to : between(from, to, 1 - (1 - share) ** 3);
}

/** The next scale of a zoom. It is done when the scale is its target. */
export function zoomStep(from: number, to: number, elapsedMs: number): number {
  const scale = from * (to / from) ** (1 - Math.exp(-elapsedMs / ZOOM_MS));
  return Math.abs(scale / to - 1) < ZOOM_DONE ? to : scale;
}

/** The velocity after this time, in CSS pixels per second; undefined at the end of a glide. */
export function slowed({ x, y }: Point, elapsedMs: number): Point | undefined {
  if (Math.hypot(x, y) < GLIDE_PX_PER_S_MIN) return undefined;
  const decay = Math.exp(-elapsedMs / GLIDE_MS);
  return { x: x * decay, y: y * decay };
}

export function isThrow({ x, y }: Point): boolean {
  return Math.hypot(x, y) >= 4 * GLIDE_PX_PER_S_MIN;
}

/** How fast the view moves, smoothed over some frames. Jumps do not count. */
export class Speed {
  #last: Point;
  #velocity: Point = { x: 0, y: 0 };

  constructor(at: Point) {
    this.#last = at;
  }

  /** In cells per second. */
  get velocity(): Point {
    return this.#velocity;
  }

  movedTo(at: Point, elapsedMs: number): void {
    if (elapsedMs === 0) return;
    const share = Math.min(1, elapsedMs / SMOOTHING_MS);
    const along = (axis: "x" | "y") => {
      const now = ((at[axis] - this.#last[axis]) / elapsedMs) * 1000;
      return this.#velocity[axis] + (now - this.#velocity[axis]) * share;
    };
    this.#velocity = { x: along("x"), y: along("y") };
    this.#last = at;
  }

  jumpedTo(at: Point): void {
    this.#last = at;
    this.#velocity = { x: 0, y: 0 };
  }
}
