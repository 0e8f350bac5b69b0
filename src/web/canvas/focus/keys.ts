/* Where keys move the focus on the plane, as in the ARIA grid pattern. Pure. */

import { cellAt, lastInRow, type Plane, placeOf } from "../view/plane.js";

export interface KeyPress {
  readonly key: string;
  readonly ctrlKey: boolean;
}

/**
 * The cell a key moves to from `cell`, where a screen shows `pageRows` rows; undefined if the key does not move. At an edge
 * it stays. Home and End go along the row, with Ctrl to the first and the last number.
 */
export function moveOnPlane(press: KeyPress, cell: number, plane: Plane, pageRows: number): number | undefined {
  const { x, y } = placeOf(cell);
  const at = (toX: number, toY: number) => cellAt(plane, { x: toX, y: toY }) ?? cell;
  switch (press.key) {
    case "ArrowLeft":
      return at(x - 1, y);
    case "ArrowRight":
      return at(x + 1, y);
    case "ArrowUp":
      return at(x, y - 1);
    case "ArrowDown":
      return at(x, y + 1);
    case "Home":
      return press.ctrlKey ? 0 : at(0, y);
    case "End":
      return press.ctrlKey ? plane.size - 1 : (lastInRow(plane, y) ?? cell);
    case "PageUp":
      return at(x, Math.max(0, y - pageRows));
    case "PageDown":
      return downFrom(cell, x, y, plane, pageRows);
    default:
      return undefined;
  }
}

function downFrom(cell: number, x: number, y: number, plane: Plane, pageRows: number): number {
  for (let to = Math.min(plane.rows - 1, y + pageRows); to > y; to--) {
    const found = cellAt(plane, { x, y: to });
    if (found !== undefined) return found;
  }
  return cell;
}
