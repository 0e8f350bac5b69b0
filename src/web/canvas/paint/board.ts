/* Draws one frame of the canvas: pages, activity, cells, own cells, frozen ranges and marks. */

import { PAGE_SIDE, placeOfPage } from "../../../board/plane.js";
import type { CellRange } from "../../../client/index.js";
import type { ActivePage } from "../held/activity.js";
import { areElements } from "../view/elements.js";
import type { Screen } from "../view/screen.js";
import { showsBoxes } from "./box.js";
import { paintCells } from "./cells.js";
import type { Context } from "./context.js";
import { paintFrozen } from "./frozen.js";
import { paintHeat } from "./heat.js";
import { type MarksScene, paintMarks } from "./marks.js";
import { paintOwn } from "./own.js";
import { type PagesScene, paintPages } from "./pages.js";

interface BoardScene extends PagesScene, MarksScene {
  readonly active: Iterable<ActivePage>;
  readonly frozen: readonly CellRange[];
  /** The user's own cells, on a board with claims. */
  readonly own: Iterable<number>;
}

/** True if the picture needs another frame to be complete. */
export function paintBoard(context: Context, screen: Screen, scene: BoardScene): boolean {
  const { palette } = scene;
  context.clearRect(0, 0, screen.width, screen.height);
  // The cells lie below the canvas.
  if (areElements(scene.plane)) {
    paintFrozen(context, screen, scene.plane, palette, scene.frozen);
    paintMarks(context, screen, scene);
    return false;
  }
  const arePagesUnfinished = paintPages(context, screen, scene);
  if (scene.inSight.length === 0) {
    const middleOf = (page: number) => {
      const { x, y } = placeOfPage(page);
      return { x: screen.left((x + 0.5) * PAGE_SIDE), y: screen.top((y + 0.5) * PAGE_SIDE) };
    };
    paintHeat(context, scene.active, middleOf, screen.cellPx * PAGE_SIDE, palette.flash, screen.density);
  }
  const areCellsUnfinished = paintCells(context, screen, scene);
  paintOwn(context, screen, scene.plane, palette, scene.own, showsBoxes(screen) ? scene.boxes.current : undefined);
  paintFrozen(context, screen, scene.plane, palette, scene.frozen);
  paintMarks(context, screen, scene);
  return arePagesUnfinished || areCellsUnfinished;
}
