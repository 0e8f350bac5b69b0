/* Where keys move the focus on the plane. */

import { cellAt, lastInRow, type Plane, placeOf } from "../../../board/plane.js";
import { type KeyPress, moveByKey } from "./grid-keys.js";

export function moveOnPlane(press: KeyPress, cell: number, plane: Plane, pageRows: number): number | undefined {
  return moveByKey(press, cell, {
    size: plane.size,
    rows: plane.rows,
    pageRows,
    placeOf: (from) => placeOf(plane, from),
    cellAt: (place) => cellAt(plane, place),
    lastInRow: (y) => lastInRow(plane, y),
  });
}
