/*
 * Which pages the view needs: those in sight, and those that it is moving towards. None if their
 * density is enough, because they are small or many. Pure.
 */

import { PAGE_SIDE, type Plane, type Point, pageAt } from "../../../board/plane.js";
import type { Area, Camera, View } from "./camera.js";
import { seenArea } from "./camera.js";

/** With more pages in sight, their cells are not requested. */
export const SEEN_PAGES_MAX = 300;
/** For smaller pages, in CSS pixels, the density is enough, except on a board of a few pages. */
const PAGE_PX_MIN = 48;
const FEW_PAGES = 16;
/** How far ahead the view's motion is followed, up to one view. */
const AHEAD_S = 0.4;

/** The pages of an area, those nearest to its middle first. */
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

/** Whether the view shows cells, or only the density of each page. */
export function showsCells(plane: Plane, camera: Camera, view: View): boolean {
  if (camera.scale * PAGE_SIDE < PAGE_PX_MIN && plane.pages > FEW_PAGES) return false;
  const { left, top, right, bottom } = seenArea(camera, view);
  const across = Math.min(plane.pageColumns, (right - left) / PAGE_SIDE + 1);
  const down = Math.min(plane.pageRows, (bottom - top) / PAGE_SIDE + 1);
  return across * down <= SEEN_PAGES_MAX;
}

/** The area extended to what will be in view soon. Velocity is in cells per second. */
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
