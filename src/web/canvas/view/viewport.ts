/*
 * The place in view, and its motion. The view follows a finger directly, flies to a target, and
 * glides after a throw. With reduced motion, a flight is a jump. Call `tick` for each frame.
 */

import { type Plane, type Point, placeOf } from "../../../board/plane.js";
import {
  boundCamera,
  boundScale,
  type Camera,
  fitCamera,
  limitScale,
  panBy,
  toView,
  type View,
  zoomTo,
} from "./camera.js";
import { flightAt, isThrow, type Motion, Speed, slowed, zoomStep } from "./motion.js";

/** A longer flight, in views, would show nothing on its way. */
const FLIGHT_VIEWS_MAX = 3;
const TICK_MS_MAX = 100;
const PASSING_PX_PER_S = 1;

export class Viewport {
  readonly plane: Plane;
  readonly #isStill: () => boolean;
  #view: View = { width: 1, height: 1, density: 1 };
  #camera: Camera;
  /** The scale that the user asked for. The one shown is the nearest in whole pixels. */
  #wanted: number;
  #motion: Motion | undefined;
  #isFitted = true;
  #lastMs: number | undefined;
  readonly #speed: Speed;

  /** `isStill`: the user prefers reduced motion. */
  constructor(plane: Plane, isStill: () => boolean) {
    this.plane = plane;
    this.#isStill = isStill;
    this.#camera = fitCamera(plane, this.#view);
    this.#speed = new Speed(this.#camera);
    this.#wanted = this.#camera.scale;
  }

  get camera(): Camera {
    return this.#camera;
  }

  get view(): View {
    return this.#view;
  }

  /** Where the view is, or is going. */
  get target(): Camera {
    if (this.#motion?.kind === "flight") return this.#motion.to;
    return this.#motion?.kind === "zoom" ? this.#zoomed(this.#motion.point, this.#wantedShown) : this.#camera;
  }

  get isFitted(): boolean {
    return this.#isFitted;
  }

  get isMoving(): boolean {
    return this.#motion !== undefined;
  }

  /** The velocity takes some frames to reach 0, and the pages ahead depend on it. */
  get isPassing(): boolean {
    return this.isMoving || Math.hypot(this.velocity.x, this.velocity.y) * this.#camera.scale > PASSING_PX_PER_S;
  }

  /** Cells per second. */
  get velocity(): Point {
    return this.#speed.velocity;
  }

  /** The cell's upper left corner, in CSS pixels of the view. */
  pointOf(cell: number): Point {
    return toView(this.#camera, this.#view, placeOf(this.plane, cell));
  }

  shows(cell: number): boolean {
    const { x, y } = this.pointOf(cell);
    const { scale } = this.#camera;
    return x > -scale && y > -scale && x < this.#view.width && y < this.#view.height;
  }

  resize(view: View): void {
    this.#view = view;
    if (this.#isFitted) {
      this.#show(fitCamera(this.plane, view));
      this.#wanted = this.#camera.scale;
    } else this.#show({ ...this.#camera, scale: boundScale(this.#wanted, this.plane, view) });
  }

  startAt(camera: Camera): void {
    this.#isFitted = false;
    this.#wanted = camera.scale;
    this.#camera = camera;
    this.#speed.jumpedTo(camera);
  }

  pan(dx: number, dy: number): void {
    this.#take();
    this.#show(panBy(this.#camera, dx, dy));
  }

  /** Zooms immediately, to any scale, as a pinch does. Call `settle` at the end. */
  zoom(point: Point, factor: number): void {
    this.#take();
    this.#scaleBy(factor);
    this.#show(this.#zoomed(point, this.#isStill() ? this.#wantedShown : this.#wanted));
  }

  /** Zooms smoothly, because a wheel turns in coarse steps. */
  wheel(point: Point, factor: number): void {
    this.#isFitted = false;
    this.#scaleBy(factor);
    this.settle(point);
  }

  /** Zooms to the nearest whole pixels. */
  settle(point: Point): void {
    if (this.#isStill()) {
      this.#motion = undefined;
      this.#jump(this.#zoomed(point, this.#wantedShown));
    } else this.#motion = { kind: "zoom", point };
  }

  /** Moves in a short flight, as after a key or a button. */
  flyTo(camera: Camera, nowMs: number): void {
    this.#isFitted = false;
    this.#fly(camera, nowMs);
  }

  step(factor: number, nowMs: number, point?: Point): void {
    const from = this.target;
    const middle = { x: this.#view.width / 2, y: this.#view.height / 2 };
    const scale = boundScale(from.scale * factor, this.plane, this.#view);
    this.flyTo(zoomTo(from, this.#view, point ?? middle, scale), nowMs);
  }

  fit(nowMs: number): void {
    this.#fly(fitCamera(this.plane, this.#view), nowMs);
    this.#isFitted = true;
  }

  /** Glides at a velocity in CSS pixels per second. */
  throwBy(velocity: Point): void {
    if (!this.#isStill() && isThrow(velocity)) this.#motion = { kind: "glide", velocity };
  }

  tick(nowMs: number): void {
    const elapsedMs = Math.min(TICK_MS_MAX, nowMs - (this.#lastMs ?? nowMs));
    this.#lastMs = nowMs;
    if (this.#motion) this.#motion = this.#moved(this.#motion, nowMs, elapsedMs);
    this.#speed.movedTo(this.#camera, elapsedMs);
  }

  /** Shows the next moment of a motion. Returns the rest of the motion, if any. */
  #moved(motion: Motion, nowMs: number, elapsedMs: number): Motion | undefined {
    const before = this.#camera;
    switch (motion.kind) {
      case "flight": {
        const camera = flightAt(motion, nowMs);
        this.#show(camera);
        return camera === motion.to ? undefined : motion;
      }
      case "zoom": {
        const to = this.#wantedShown;
        const scale = zoomStep(before.scale, to, elapsedMs);
        this.#show(this.#zoomed(motion.point, scale));
        return scale === to ? undefined : motion;
      }
      case "glide": {
        const { x, y } = motion.velocity;
        this.#show(panBy(before, (x * elapsedMs) / 1000, (y * elapsedMs) / 1000));
        const isAtEdge = elapsedMs > 0 && this.#camera.x === before.x && this.#camera.y === before.y;
        const velocity = isAtEdge ? undefined : slowed(motion.velocity, elapsedMs);
        return velocity && { kind: "glide", velocity };
      }
    }
  }

  #scaleBy(factor: number): void {
    this.#wanted = limitScale(this.#wanted * factor, this.plane, this.#view);
  }

  get #wantedShown(): number {
    return boundScale(this.#wanted, this.plane, this.#view);
  }

  #zoomed(point: Point, scale: number): Camera {
    return zoomTo(this.#camera, this.#view, point, scale);
  }

  #fly(camera: Camera, nowMs: number): void {
    const scale = boundScale(camera.scale, this.plane, this.#view);
    const to = boundCamera({ ...camera, scale }, this.plane, this.#view);
    this.#wanted = to.scale;
    const seen = Math.min(this.#camera.scale, to.scale);
    const far = (Math.hypot(to.x - this.#camera.x, to.y - this.#camera.y) * seen) / this.#view.width;
    if (this.#isStill() || far > FLIGHT_VIEWS_MAX) {
      this.#motion = undefined;
      this.#jump(to);
    } else this.#motion = { kind: "flight", from: this.#camera, to, startMs: nowMs };
  }

  /** User input ends the view's own motion. */
  #take(): void {
    if (this.#motion?.kind === "zoom") this.#show(this.target);
    this.#motion = undefined;
    this.#isFitted = false;
  }

  #jump(camera: Camera): void {
    this.#show(camera);
    this.#speed.jumpedTo(this.#camera);
  }

  #show(camera: Camera): void {
    this.#camera = boundCamera(camera, this.plane, this.#view);
  }
}
