/*
 * Which pages are worth having: those in sight, and while the view moves those it will come to. None where pages are so
 * small, or so many, that the overview's density says as much. Pure.
 */

import type { Area, Camera, View } from "./camera.js";
import { seenArea } from "./camera.js";
import { PAGE_SIDE, type Plane, type Point, pageAt } from "./plane.js";

/** Pages in sight beyond which their cells are not asked for. */
export const SEEN_PAGES_MAX = 300;
/** CSS pixels of a page's side below which its density is enough. */
const PAGE_PX_MIN = 48;
/** So far ahead the view's motion is followed, at most by one view. */
const AHEAD_S = 0.4;

/** Pages of an area, the nearest to its middle first. */
export function pagesIn(plane: Plane, area: Area): number[] {
  const column = { from: Math.max(0, Math.floor(area.left / PAGE_SIDE)), to: Math.ceil(area.right / PAGE_SIDE) };
  const row = { from: Math.max(0, Math.floor(area.top / PAGE_SIDE)), to: Math.ceil(area.bottom / PAGE_SIDE) };
  const middle = { x: (column.from + column.to - 1) / 2, y: (row.from + row.to - 1) / 2 };
  const found: { page: number; far: number }[] = [];
  for (let y = row.from; y < Math.min(row.to, plane.pageRows); y++) {
    for (let x = column.from; x < Math.min(column.to, plane.pageColumns); x++) {
      const page = pageAt(plane, x, y);
      if (page !== undefined) found.push({ page, far: Math.hypot(x - middle.x, y - middle.y) });
    }
  }
  return found.sort((a, b) => a.far - b.far).map(({ page }) => page);
}

/** Whether cells are shown at all, or only how full each page is. */
export function showsCells(plane: Plane, camera: Camera, view: View): boolean {
  if (camera.scale * PAGE_SIDE < PAGE_PX_MIN) return false;
  const { left, top, right, bottom } = seenArea(camera, view);
  const across = Math.min(plane.pageColumns, (right - left) / PAGE_SIDE + 1);
  const down = Math.min(plane.pageRows, (bottom - top) / PAGE_SIDE + 1);
  return across * down <= SEEN_PAGES_MAX;
}

/** The area that will be seen shortly, at a velocity in cells a second. */
export function areaAhead(area: Area, velocity: Point): Area {
  const dx = ahead(velocity.x, area.right - area.left);
  const dy = ahead(velocity.y, area.bottom - area.top);
  return {
    left: area.left + Math.min(0, dx),
    top: area.top + Math.min(0, dy),
    right: area.right + Math.max(0, dx),
    bottom: area.bottom + Math.max(0, dy),
  };
}

function ahead(velocity: number, reach: number): number {
  return Math.max(-reach, Math.min(reach, velocity * AHEAD_S));
}
