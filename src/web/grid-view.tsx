/*
 * The grid's place in the page: a box that scrolls, and the line under it. The cells themselves are the CellGrid's; this
 * makes one for the board shown and takes it down again.
 */

import { useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Board } from "../client/index.js";
import { CellGrid, type CellGridOptions } from "./cell-grid.js";
import { columnsOf } from "./layout.js";
import { useFrozen } from "./live.js";
import { MessageLine } from "./message-line.js";
import { PendingCells } from "./pending-cells.js";
import { formatPlace, parsePlace } from "./place-link.js";
import { countOf, type Wording } from "./wording.js";

export interface GridViewProps {
  readonly board: Board;
  /** Cells of the board; more than none. */
  readonly size: number;
  /** The cell last asked for; asking again is another object. */
  readonly target: { readonly cell: number } | undefined;
  /** Changes do not go out at present. */
  readonly isDelayed: boolean;
  readonly hint: Wording | undefined;
  /** What the line under the grid says when there is nothing else to say. */
  readonly usual: string | undefined;
  readonly onChecked: CellGridOptions["onChecked"];
  readonly onRefused: CellGridOptions["onRefused"];
}

export function GridView(props: GridViewProps) {
  const { board, size, target, isDelayed, hint, usual, onChecked, onRefused } = props;
  const columns = columnsOf(size);
  const rows = Math.ceil(size / columns);
  const root = useRef<HTMLDivElement>(null);
  const grid = useRef<CellGrid | undefined>(undefined);
  const pending = useMemo(() => new PendingCells(board), [board]);
  const [pointed, setPointed] = useState<number>();
  const frozen = useFrozen(board, "with a dashed blue edge");

  useLayoutEffect(() => {
    if (!root.current) return;
    const range = { start: 0, end: size };
    const made = new CellGrid(root.current, {
      board,
      pending,
      range,
      columns,
      onChecked,
      onRefused,
      onPointed: setPointed,
    });
    grid.current = made;
    return () => made.close();
  }, [board, pending, size, columns, onChecked, onRefused]);

  useLayoutEffect(() => {
    if (!target) return;
    const link = formatPlace(target.cell);
    if (location.hash !== link) history.pushState(null, "", link);
    grid.current?.goTo(target.cell);
  }, [target]);

  // At the start, and when "back" or another link leads to a checkbox.
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
        {/* biome-ignore lint/a11y/useSemanticElements: layout can skip rows off the screen, but not those of a table */}
        <div
          ref={root}
          class="cells"
          role="grid"
          aria-label={`Board ${board.name}, ${countOf(size, "checkbox", "checkboxes")} in ${columns} columns`}
          aria-colcount={columns}
          aria-rowcount={rows}
          style={{ "--columns": columns, "--rows": rows }}
          data-testid="grid"
          data-delayed={isDelayed ? "" : undefined}
        />
      </div>
      <MessageLine hint={hint} usual={pointed === undefined ? (frozen ?? usual) : place(board, pointed, columns)} />
    </>
  );
}

function place(board: Board, cell: number, columns: number): string {
  const frozen = board.isFrozen(cell) ? " · frozen" : "";
  return `Checkbox ${cell} · row ${Math.floor(cell / columns) + 1}, column ${(cell % columns) + 1}${frozen}`;
}
