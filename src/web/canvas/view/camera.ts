/*
 * Which part of the plane is in view: the place in the middle, and the size of a cell. Pure.
 *
 * From a few pixels on, cells are whole device pixels wide, so that all are drawn equal and sharp.
 */

import { PAGE_SIDE, type Plane, type Point, placeOfPage } from "../../../board/plane.js";
import { SCALE_MAX } from "../../address/place-link.js";
import { areElements } from "./elements.js";

export interface Camera extends Point {
  /** The side of a cell, in CSS pixels. */
  readonly scale: number;
}

/** The size of the canvas, in CSS pixels. */
export interface View {
  readonly width: number;
  readonly height: number;
  /** Device pixels per CSS pixel. */
  readonly density: number;
  /** How much of its top, and of its bottom, lies below the tools, in CSS pixels. */
  readonly covered?: number;
}

/** A rectangle of the plane, in cells. `right` and `bottom` are exclusive. */
export interface Area {
  readonly left: number;
  readonly top: number;
  readonly right: number;
  readonly bottom: number;
}

const WHOLE_FROM_PX = 4;
export const FIT_MARGIN_PX = 12;
/** The largest cells of a board that has so few that they are elements. */
const ELEMENT_PX_MAX = 128;
/** The share of the view that may lie beyond the board's edge. */
const BEYOND_SHARE = 0.375;

export function fitScale(plane: Plane, view: View): number {
  const width = Math.max(1, view.width - 2 * FIT_MARGIN_PX);
  const height = Math.max(1, view.height - 2 * marginY(view));
  return Math.min(scaleMax(plane), width / plane.columns, height / plane.rows);
}

/** Above and below a board that fits. */
export function marginY({ covered = 0 }: View): number {
  return Math.max(FIT_MARGIN_PX, covered);
}

function scaleMax(plane: Plane): number {
  return areElements(plane) ? ELEMENT_PX_MAX : SCALE_MAX;
}

export function limitScale(scale: number, plane: Plane, view: View): number {
  return Math.max(Math.min(1, fitScale(plane, view)), Math.min(scaleMax(plane), scale));
}

export function boundScale(scale: number, plane: Plane, view: View): number {
  const bound = limitScale(scale, plane, view);
  const devicePx = bound * view.density;
  return devicePx < WHOLE_FROM_PX ? bound : Math.round(devicePx) / view.density;
}

/** Keeps the board in view: centred if smaller than the view, otherwise filling most of it. */
export function boundCamera(camera: Camera, plane: Plane, view: View): Camera {
  return {
    x: boundAlong(camera.x, plane.columns, view.width / camera.scale),
    y: boundAlong(camera.y, plane.rows, view.height / camera.scale),
    scale: camera.scale,
  };
}

function boundAlong(at: number, cells: number, seen: number): number {
  if (seen >= cells) return cells / 2;
  const inside = seen * (0.5 - BEYOND_SHARE);
  return Math.max(inside, Math.min(cells - inside, at));
}

export function fitCamera(plane: Plane, view: View): Camera {
  const scale = boundScale(fitScale(plane, view), plane, view);
  return { x: plane.columns / 2, y: plane.rows / 2, scale };
}

export function pageCamera(page: number, view: View): Camera {
  const { x, y } = placeOfPage(page);
  const scale = Math.min(view.width, view.height) / PAGE_SIDE;
  return { x: (x + 0.5) * PAGE_SIDE, y: (y + 0.5) * PAGE_SIDE, scale };
}

export function toPlane({ x, y, scale }: Camera, view: View, point: Point): Point {
  return { x: x + (point.x - view.width / 2) / scale, y: y + (point.y - view.height / 2) / scale };
}

export function toView({ x, y, scale }: Camera, view: View, place: Point): Point {
  return { x: (place.x - x) * scale + view.width / 2, y: (place.y - y) * scale + view.height / 2 };
}

/** Zooms so that the same place stays under `point`. */
export function zoomTo(camera: Camera, view: View, point: Point, scale: number): Camera {
  const place = toPlane(camera, view, point);
  return {
    x: place.x - (point.x - view.width / 2) / scale,
    y: place.y - (point.y - view.height / 2) / scale,
    scale,
  };
}

/** Moves the picture by these CSS pixels. */
export function panBy(camera: Camera, dx: number, dy: number): Camera {
  return { x: camera.x - dx / camera.scale, y: camera.y - dy / camera.scale, scale: camera.scale };
}

export function seenArea({ x, y, scale }: Camera, view: View): Area {
  const [width, height] = [view.width / scale, view.height / scale];
  return { left: x - width / 2, top: y - height / 2, right: x + width / 2, bottom: y + height / 2 };
}

/** Part of the way from one camera to another. The zoom changes by ratio, as the eye judges it. */
export function between(from: Camera, to: Camera, share: number): Camera {
  const scale = from.scale * (to.scale / from.scale) ** share;
  // During a zoom, the position follows the width of the view.
  const done = from.scale === to.scale ? share : (1 / from.scale - 1 / scale) / (1 / from.scale - 1 / to.scale);
  return { x: from.x + (to.x - from.x) * done, y: from.y + (to.y - from.y) * done, scale };
}
