/*
 * Where the cells of a small board lie, in a grid of real checkboxes: a pure function of its size, so that what people draw
 * looks the same on every screen. Larger boards are a plane, in canvas/plane.ts.
 */

/** Each cell a real input: more would make browsers slow. */
export const GRID_CELLS_MAX = 10_000;
const COLUMNS_MAX = 100;

export function columnsOf(size: number): number {
  return Math.max(1, Math.min(COLUMNS_MAX, Math.ceil(Math.sqrt(size))));
}

export interface KeyPress {
  readonly key: string;
  readonly ctrlKey: boolean;
}

/**
 * The index a key moves to from `index`, in a grid of `count` cells whose screen shows `pageRows` rows; undefined if the
 * key does not move. At an edge it stays. As in the ARIA grid pattern: Home and End go along the row, with Ctrl all the way.
 */
export function moveByKey(
  press: KeyPress,
  index: number,
  { count, columns, pageRows }: { readonly count: number; readonly columns: number; readonly pageRows: number },
): number | undefined {
  const column = index % columns;
  const rowEnd = Math.min(count - 1, index - column + columns - 1);
  const stay = (to: number) => (to >= 0 && to < count ? to : index);
  switch (press.key) {
    case "ArrowLeft":
      return column === 0 ? index : index - 1;
    case "ArrowRight":
      return Math.min(rowEnd, index + 1);
    case "ArrowUp":
      return stay(index - columns);
    case "ArrowDown":
      return stay(index + columns);
    case "Home":
      return press.ctrlKey ? 0 : index - column;
    case "End":
      return press.ctrlKey ? count - 1 : rowEnd;
    case "PageUp":
      return Math.max(column, index - pageRows * columns);
    case "PageDown": {
      const rowsBelow = Math.floor((count - 1 - index) / columns);
      return index + Math.min(pageRows, rowsBelow) * columns;
    }
    default:
      return undefined;
  }
}
