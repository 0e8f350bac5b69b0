/* Which boards consist of elements of the document. */

import type { Plane } from "../../../board/plane.js";

/** More elements would make browsers slow. */
const ELEMENTS_MAX = 1_000;

export function areElements({ size }: Pick<Plane, "size">): boolean {
  return size <= ELEMENTS_MAX;
}
