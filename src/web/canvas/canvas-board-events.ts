/* What the canvas tells those around it. */

import type { CellChange } from "../../client/index.js";

export interface CanvasBoardEvents {
  /** A frame was drawn: what depends on the view can follow. */
  drawn: (nowMs: number) => void;
  /** The cell under the pointer. */
  pointed: (cell: number | undefined) => void;
  /** A cell was tapped or clicked. */
  chosen: (cell: number) => void;
  /** Another tool, or other strokes to undo. */
  tools: () => void;
  changed: (changes: readonly CellChange[]) => void;
}
