/* What the canvas tells those around it. */

import type { CellChange } from "../../client/index.js";

export interface CanvasBoardEvents {
  /** A frame was drawn: what depends on the view can follow. */
  drawn: (nowMs: number) => void;
  /** The cell under the pointer. */
  pointed: (cell: number | undefined) => void;
  /** The user would have changed this cell, and perhaps others, and may not: why. */
  spared: (cell: number, reason: string) => void;
  /** Cells of a stroke were left out, as they are not here yet: the first of them, and how many. */
  missed: (cell: number, cells: number) => void;
  /** A cell was tapped or clicked. */
  chosen: (cell: number) => void;
  /** Another tool, or other strokes to undo. */
  tools: () => void;
  /** Cells show another value than before. A replay shows none of what happens meanwhile. */
  changed: (changes: readonly CellChange[]) => void;
}
