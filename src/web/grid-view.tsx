/* A small board in the app: a box that scrolls, filled by a CellGrid, and the line under it. */

import { useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Board } from "../client/index.js";
import { countOf } from "../protocol/count.js";
import { CellGrid } from "./cell-grid.js";
import { ownerText } from "./claims.js";
import { columnsOf } from "./layout.js";
import { useFrozen, useTicking } from "./live.js";
import { MessageLine } from "./message-line.js";
import { formatPlace, parsePlace } from "./place-link.js";
import { MARK_MS } from "./timed-mark.js";
import { placeText, type Wording } from "./wording.js";

export interface BoardViewProps {
  readonly board: Board;
  /** Cells of the board; at least one. */
  readonly size: number;
  /** The cell to go to. Each new object is a new request, even for the same cell. */
  readonly target: { readonly cell: number } | undefined;
  /** A reduced app, for a pane of the demo. */
  readonly isCompact: boolean;
  readonly isViewer: boolean;
  /** Whether the client is waiting before it sends changes. */
  readonly isDelayed: boolean;
  readonly hint: Wording | undefined;
  readonly usual: string | undefined;
  readonly onChecked: (checked: number | undefined) => void;
  /** `text` explains a refusal. `isShown`: a note at the cell explains it too. */
  readonly onRefused: (text: string, isShown: boolean) => void;
}

export function GridView(props: BoardViewProps) {
  const { board, size, target, isDelayed, hint, usual, onChecked, onRefused } = props;
  const columns = columnsOf(size);
  const rows = Math.ceil(size / columns);
  const root = useRef<HTMLDivElement>(null);
  const grid = useRef<CellGrid | undefined>(undefined);
  const [lastPointed, setPointed] = useState<number>();
  // The board may have shrunk.
  const pointed = lastPointed !== undefined && lastPointed < size ? lastPointed : undefined;
  const frozen = useFrozen(board, "with a dashed blue edge") ?? usual;
  const placeOf = (cell: number) => ({ x: cell % columns, y: Math.floor(cell / columns) });
  const usualNow = useTicking(board.claims !== undefined, () => {
    if (pointed === undefined) return frozen;
    return placeText(pointed, placeOf(pointed), board.isFrozen(pointed), ownerText(board, pointed, Date.now()));
  });

  useLayoutEffect(() => {
    if (!root.current) return;
    const made = new CellGrid(root.current, { board, size, columns, onChecked, onRefused, onPointed: setPointed });
    grid.current = made;
    return () => made.close();
  }, [board, size, columns, onChecked, onRefused]);

  useLayoutEffect(() => {
    if (!target) return;
    const link = formatPlace(target.cell);
    if (location.hash !== link) history.pushState(null, "", link);
    grid.current?.goTo(target.cell);
  }, [target]);

  // On start, and when the "back" button or a link leads to a box.
  useLayoutEffect(() => {
    const follow = () => {
      const place = parsePlace(location.hash, size);
      if (place) grid.current?.goTo(place.cell);
    };
    follow();
    window.addEventListener("popstate", follow);
    return () => window.removeEventListener("popstate", follow);
  }, [size]);

  return (
    <>
      <div class="scroller">
        {/* biome-ignore lint/a11y/useSemanticElements: a table cannot skip hidden rows */}
        <div
          ref={root}
          class="cells"
          role="grid"
          aria-label={`Board ${board.name}, ${countOf(size, "checkbox", "checkboxes")} in ${columns} columns`}
          aria-colcount={columns}
          aria-rowcount={rows}
          style={{ "--columns": columns, "--rows": rows, "--flash-lasts": `${MARK_MS.flash}ms` }}
          data-testid="grid"
          data-delayed={isDelayed ? "" : undefined}
        />
      </div>
      <MessageLine hint={hint} usual={usualNow} />
    </>
  );
}
