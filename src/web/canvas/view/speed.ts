/* How fast the view moves, smoothed over some frames. Jumps do not count. */

import type { Point } from "./plane.js";

const SMOOTHING_MS = 120;

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
