/*
 * Keys that work anywhere on the canvas, and while nothing has the focus, such as after a drag.
 * Arrow keys move the view if there is no focus to move.
 */

import type { CanvasBoard } from "./canvas-board.js";
import type { Tool } from "./drawing/brush.js";

const STEP = 2;
const PAN_SHARE = 0.25;
const TOOL_KEYS: Readonly<Record<string, Tool>> = { m: "move", d: "draw", e: "erase", r: "fill", c: "clear" };

/** True if the key was used. `isFree`: nothing has the focus. */
export function pressShortcut(event: KeyboardEvent, board: CanvasBoard, isFree: boolean): boolean {
  if (event.altKey) return false;
  const key = event.key.toLowerCase();
  if (event.ctrlKey || event.metaKey) {
    if (key === "z" && !event.shiftKey) void board.undoing.do("undo");
    else if (key === "y" || key === "z") void board.undoing.do("redo");
    else return false;
    return true;
  }
  const { width, height } = board.viewport.view;
  const tool = TOOL_KEYS[key];
  if (tool) board.use(tool);
  else if (key === "+" || key === "=") board.travel.zoom(STEP);
  else if (key === "-" || key === "_") board.travel.zoom(1 / STEP);
  else if (key === "0") board.travel.toAll();
  else if (key === "escape") board.cancel();
  else if (!event.shiftKey && !isFree) return false;
  else if (key === "arrowleft") board.travel.pan(-width * PAN_SHARE, 0);
  else if (key === "arrowright") board.travel.pan(width * PAN_SHARE, 0);
  else if (key === "arrowup") board.travel.pan(0, -height * PAN_SHARE);
  else if (key === "arrowdown") board.travel.pan(0, height * PAN_SHARE);
  else return false;
  return true;
}
