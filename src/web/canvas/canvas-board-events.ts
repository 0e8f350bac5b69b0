/* The events of a canvas board. */

import type { CellChange } from "../../client/index.js";
import type { RefusalText } from "../refusals.js";

export interface CanvasBoardEvents {
  /** A frame was drawn: whatever depends on the view can follow. */
  drawn: (nowMs: number) => void;
  pointed: (cell: number | undefined) => void;
  /** The user tried to change cells and could not. */
  notDone: (text: RefusalText) => void;
  chosen: (cell: number) => void;
  /** Another tool is in use, or other strokes can be undone. */
  tools: () => void;
  /** Cells show a new value. Not emitted during a replay. */
  changed: (changes: readonly CellChange[]) => void;
}
