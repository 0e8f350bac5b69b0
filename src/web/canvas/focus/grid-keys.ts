/*
 * Where a key moves the focus in a grid of checkboxes, as in the ARIA grid pattern. Home and End go
 * along the row, with Ctrl to the first and the last number. At an edge the focus stays. Pure.
 */

type Place = Readonly<Record<"x" | "y", number>>;

export type KeyPress = Pick<KeyboardEvent, "key" | "ctrlKey">;

export interface KeyGrid {
  readonly size: number;
  readonly rows: number;
  readonly pageRows: number;
  placeOf(cell: number): Place;
  /** Undefined outside the grid, and over a hole in it. */
  cellAt(place: Place): number | undefined;
  lastInRow(y: number): number | undefined;
}

/** Undefined if the key does not move the focus. */
export function moveByKey(press: KeyPress, cell: number, grid: KeyGrid): number | undefined {
  const { x, y } = grid.placeOf(cell);
  const at = (toX: number, toY: number) => grid.cellAt({ x: toX, y: toY }) ?? cell;
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
      return press.ctrlKey ? grid.size - 1 : (grid.lastInRow(y) ?? cell);
    case "PageUp":
      return at(x, Math.max(0, y - grid.pageRows));
    case "PageDown":
      for (let to = Math.min(grid.rows - 1, y + grid.pageRows); to > y; to--) {
        const found = grid.cellAt({ x, y: to });
        if (found !== undefined) return found;
      }
      return cell;
    default:
      return undefined;
  }
}
