/* Draws one frame of the canvas: pages, the activity on pages too small to show it, cells, and marks over them. */

import type { CellRange } from "../../../client/index.js";
import type { ActivePage } from "../held/activity.js";
import { PAGE_SIDE, placeOfPage } from "../view/plane.js";
import type { Screen } from "../view/screen.js";
import { paintCells } from "./cells.js";
import type { Context } from "./context.js";
import { paintFrozen } from "./frozen.js";
import { type Heat, paintHeat } from "./heat.js";
import { type MarksScene, paintMarks } from "./marks.js";
import { type PagesScene, paintPages } from "./pages.js";

export interface BoardScene extends PagesScene, MarksScene {
  readonly active: Iterable<ActivePage>;
  /** The frozen ranges of the pages in sight. */
  readonly frozen: Iterable<CellRange>;
}

/** True if the picture needs another frame to be complete. */
export function paintBoard(context: Context, screen: Screen, scene: BoardScene): boolean {
  context.clearRect(0, 0, screen.width, screen.height);
  const arePagesUnfinished = paintPages(context, screen, scene);
  if (scene.inSight.length === 0) paintHeat(context, heatOf(screen, scene), scene.palette.flash, screen.density);
  const areCellsUnfinished = paintCells(context, screen, scene);
  paintFrozen(context, screen, scene.palette, scene.frozen);
  paintMarks(context, screen, scene);
  return arePagesUnfinished || areCellsUnfinished;
}

function* heatOf(screen: Screen, { active }: BoardScene): Iterable<Heat> {
  const side = screen.cellPx * PAGE_SIDE;
  for (const { page, heat } of active) {
    const { x, y } = placeOfPage(page);
    yield {
      x: screen.left((x + 0.5) * PAGE_SIDE),
      y: screen.top((y + 0.5) * PAGE_SIDE),
      side,
      heat,
    };
  }
}
