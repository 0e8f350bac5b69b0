/*
 * Where a view begins: with the whole board. If its cells would be too small to hit, the view
 * begins at the first cell, so that there are boxes to check. Pure.
 */

import type { Plane } from "../../../board/plane.js";
import { boundCamera, boundScale, type Camera, FIT_MARGIN_PX, fitScale, marginY, type View } from "./camera.js";

/** The smallest cells of a first view with the whole board, in CSS pixels: by mouse, by finger. */
const WHOLE_PX_MIN = { fine: 6, coarse: 16 };
const FIRST_PX = 40;
/** The height of the tools with the space around them. On a narrow screen they need two rows. */
const TOOLS_PX = { oneRow: 56, twoRows: 100 };
const ONE_ROW_FROM_PX = 540;

export function belowTools(view: View): View {
  return { ...view, covered: view.width < ONE_ROW_FROM_PX ? TOOLS_PX.twoRows : TOOLS_PX.oneRow };
}

/** Undefined for the whole board. */
export function firstCamera(plane: Plane, view: View, pointer: keyof typeof WHOLE_PX_MIN): Camera | undefined {
  if (fitScale(plane, view) >= WHOLE_PX_MIN[pointer]) return undefined;
  const scale = boundScale(FIRST_PX, plane, view);
  const x = (view.width / 2 - FIT_MARGIN_PX) / scale;
  return boundCamera({ x, y: (view.height / 2 - marginY(view)) / scale, scale }, plane, view);
}
