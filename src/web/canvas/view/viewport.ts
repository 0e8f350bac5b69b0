/*
 * Where the user looks and how the view moves there: at once under a finger, by a short flight to a target, gliding on after a
 * throw. Time comes from outside: `tick` is called for each frame. For who wants no motion, a flight is a jump.
 */

import {
  between,
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
import { type Plane, type Point, placeOf } from "./plane.js";

const FLIGHT_MS = 260;
/** Flights across more than so many views would show nothing on the way. */
const FLIGHT_VIEWS_MAX = 3;
const GLIDE_MS = 325;
/** A zoom gets nearer to its end by a factor of e in this time, and is there when it is so near. */
const ZOOM_MS = 55;
const ZOOM_DONE = 0.003;
const GLIDE_PX_PER_S_MIN = 25;
const VELOCITY_MS = 120;

type Motion =
  | { readonly kind: "flight"; readonly from: Camera; readonly to: Camera; readonly startMs: number }
  | { readonly kind: "zoom"; readonly point: Point }
  | { readonly kind: "glide"; velocity: Point };

export class Viewport {
  readonly plane: Plane;
  readonly #isStill: () => boolean;
  #view: View = { width: 1, height: 1, density: 1 };
  #camera: Camera;
  /** The scale wished for: the one shown is the nearest in whole pixels. */
  #wished: number;
  #motion: Motion | undefined;
  /** Shows the whole board until the user moves. */
  #isFitted = true;
  #lastMs: number | undefined;
  #lastCamera: Camera;
  #velocity: Point = { x: 0, y: 0 };

  /** `isStill`: motion is not wanted. */
  constructor(plane: Plane, isStill: () => boolean) {
    this.plane = plane;
    this.#isStill = isStill;
    this.#camera = fitCamera(plane, this.#view);
    this.#lastCamera = this.#camera;
    this.#wished = this.#camera.scale;
  }

  get camera(): Camera {
    return this.#camera;
  }

  get view(): View {
    return this.#view;
  }

  /** Where the view is on its way to, or is. */
  get target(): Camera {
    if (this.#motion?.kind === "flight") return this.#motion.to;
    return this.#motion?.kind === "zoom" ? this.#zoomed(this.#motion.point, this.#wishedShown) : this.#camera;
  }

  get isFitted(): boolean {
    return this.#isFitted;
  }

  get isMoving(): boolean {
    return this.#motion !== undefined;
  }

  /** Cells a second. */
  get velocity(): Point {
    return this.#velocity;
  }

  /** The cell's upper left corner, in CSS pixels of the view. */
  pointOf(cell: number): Point {
    return toView(this.#camera, this.#view, placeOf(cell));
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
      this.#wished = this.#camera.scale;
    } else this.#show({ ...this.#camera, scale: boundScale(this.#wished, this.plane, view) });
  }

  /** Is there from the beginning. */
  startAt(camera: Camera): void {
    this.#isFitted = false;
    this.#wished = camera.scale;
    this.#camera = camera;
    this.#lastCamera = camera;
  }

  /** At once, as under a finger. */
  pan(dx: number, dy: number): void {
    this.#take();
    this.#show(panBy(this.#camera, dx, dy));
  }

  /** At once and in any scale, as between two fingers; `settle` when they are gone. */
  zoom(point: Point, factor: number): void {
    this.#take();
    this.#wish(factor);
    this.#show(this.#zoomed(point, this.#isStill() ? this.#wishedShown : this.#wished));
  }

  /** Soon, as by a wheel, whose turns are coarse. */
  wheel(point: Point, factor: number): void {
    this.#isFitted = false;
    this.#wish(factor);
    this.settle(point);
  }

  /** To whole pixels. */
  settle(point: Point): void {
    if (this.#isStill()) {
      this.#motion = undefined;
      this.#jump(this.#zoomed(point, this.#wishedShown));
    } else this.#motion = { kind: "zoom", point };
  }

  /** In a short flight, as after a key or a button. */
  flyTo(camera: Camera, nowMs: number): void {
    this.#isFitted = false;
    this.#fly(camera, nowMs);
  }

  /** Zooms around the middle, or the point given. */
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

  /** Goes on as it was thrown: CSS pixels a second. */
  throwBy(velocity: Point): void {
    if (this.#isStill() || Math.hypot(velocity.x, velocity.y) < 4 * GLIDE_PX_PER_S_MIN) return;
    this.#motion = { kind: "glide", velocity };
  }

  stop(): void {
    this.#motion = undefined;
  }

  /** Moves on to this moment. */
  tick(nowMs: number): void {
    const elapsedMs = Math.min(100, nowMs - (this.#lastMs ?? nowMs));
    this.#lastMs = nowMs;
    if (this.#motion?.kind === "flight") this.#flyOn(this.#motion, nowMs);
    else if (this.#motion?.kind === "zoom") this.#zoomOn(this.#motion, elapsedMs);
    else if (this.#motion) this.#glideOn(this.#motion, elapsedMs);
    if (elapsedMs === 0) return;
    const share = Math.min(1, elapsedMs / VELOCITY_MS);
    const along = (axis: "x" | "y") => {
      const now = ((this.#camera[axis] - this.#lastCamera[axis]) / elapsedMs) * 1000;
      return this.#velocity[axis] + (now - this.#velocity[axis]) * share;
    };
    this.#velocity = { x: along("x"), y: along("y") };
    this.#lastCamera = this.#camera;
  }

  #flyOn({ from, to, startMs }: Motion & { kind: "flight" }, nowMs: number): void {
    const share = Math.min(1, (nowMs - startMs) / FLIGHT_MS);
    this.#show(share === 1 ? to : between(from, to, 1 - (1 - share) ** 3));
    if (share === 1) this.#motion = undefined;
  }

  #glideOn(glide: Motion & { kind: "glide" }, elapsedMs: number): void {
    const before = this.#camera;
    const { x, y } = glide.velocity;
    this.#show(panBy(before, (x * elapsedMs) / 1000, (y * elapsedMs) / 1000));
    const decay = Math.exp(-elapsedMs / GLIDE_MS);
    glide.velocity = { x: x * decay, y: y * decay };
    const isAtEdge = elapsedMs > 0 && this.#camera.x === before.x && this.#camera.y === before.y;
    if (isAtEdge || Math.hypot(x, y) < GLIDE_PX_PER_S_MIN) this.#motion = undefined;
  }

  #zoomOn({ point }: Motion & { kind: "zoom" }, elapsedMs: number): void {
    const to = this.#wishedShown;
    const from = this.#camera.scale;
    const scale = from * (to / from) ** (1 - Math.exp(-elapsedMs / ZOOM_MS));
    const isDone = Math.abs(scale / to - 1) < ZOOM_DONE;
    this.#show(this.#zoomed(point, isDone ? to : scale));
    if (isDone) this.#motion = undefined;
  }

  #wish(factor: number): void {
    this.#wished = limitScale(this.#wished * factor, this.plane, this.#view);
  }

  /** The scale wished for, in whole pixels. */
  get #wishedShown(): number {
    return boundScale(this.#wished, this.plane, this.#view);
  }

  #zoomed(point: Point, scale: number): Camera {
    return zoomTo(this.#camera, this.#view, point, scale);
  }

  #fly(camera: Camera, nowMs: number): void {
    const to = boundCamera(
      { ...camera, scale: boundScale(camera.scale, this.plane, this.#view) },
      this.plane,
      this.#view,
    );
    this.#wished = to.scale;
    const seen = Math.min(this.#camera.scale, to.scale);
    const far = (Math.hypot(to.x - this.#camera.x, to.y - this.#camera.y) * seen) / this.#view.width;
    if (this.#isStill() || far > FLIGHT_VIEWS_MAX) {
      this.#motion = undefined;
      this.#jump(to);
    } else this.#motion = { kind: "flight", from: this.#camera, to, startMs: nowMs };
  }

  /** The user's hand ends what the view was doing by itself. */
  #take(): void {
    if (this.#motion?.kind === "zoom") this.#show(this.target);
    this.#motion = undefined;
    this.#isFitted = false;
  }

  /** Across what lies between without having moved there: nothing ahead of it is on the way. */
  #jump(camera: Camera): void {
    this.#show(camera);
    this.#lastCamera = this.#camera;
    this.#velocity = { x: 0, y: 0 };
  }

  #show(camera: Camera): void {
    this.#camera = boundCamera(camera, this.plane, this.#view);
  }
}
