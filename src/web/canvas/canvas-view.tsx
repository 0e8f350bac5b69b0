/* A large board's place in the page: the canvas, what is laid over it, its tools, and the line under it. */

import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Board } from "../../client/index.js";
import { useFrozen } from "../live.js";
import { MessageLine } from "../message-line.js";
import { PendingCells } from "../pending-cells.js";
import { RefusalNote } from "../refusal-note.js";
import { RefusalRuns } from "../refusal-runs.js";
import { type Announcement, Said } from "../said.js";
import { countOf, type Wording } from "../wording.js";
import { CanvasBoard } from "./canvas-board.js";
import { type Hindrance, missedText, sparedText } from "./drawing/hindrances.js";
import { FocusTeller } from "./focus/announcer.js";
import { FocusCells } from "./focus/cells.js";
import { OverviewPanel } from "./overview-panel.js";
import { linkedCamera, PlaceHistory } from "./place-history.js";
import { ReplayBar } from "./replay/bar.js";
import { pressShortcut } from "./shortcuts.js";
import { Tools } from "./tools.js";
import { type Plane, placeOf, planeOf } from "./view/plane.js";

export interface CanvasViewProps {
  readonly board: Board;
  readonly size: number;
  readonly target: { readonly cell: number } | undefined;
  readonly isCompact: boolean;
  /** This user may only look. */
  readonly isViewer: boolean;
  readonly hint: Wording | undefined;
  readonly usual: string | undefined;
  /** Checked cells of the board; undefined where it is not known. */
  readonly onChecked: (checked: number | undefined) => void;
  /** What was refused, in words. `isShown` tells whether it is shown at its cell. */
  readonly onRefused: (text: string, isShown: boolean) => void;
}

interface Parts {
  readonly canvas: CanvasBoard;
  readonly focus: FocusCells;
  readonly places: PlaceHistory;
}

const REFUSED_MS = 6_000;
const TOTAL_MS = 500;
const WIDE = "(min-width: 40rem)";

export function CanvasView(props: CanvasViewProps) {
  const { board, size, target, hint, usual, isCompact, isViewer, onChecked, onRefused } = props;
  const plane = useMemo(() => planeOf(size), [size]);
  const [pointed, setPointed] = useState<number>();
  const [focused, setFocused] = useState<number>();
  const [said, setSaid] = useState<Announcement>({ text: "" });
  const frozen = useFrozen(board, "hatched in blue");
  const { canvas, grid, anchor, parts } = useParts(board, plane, { setPointed, setFocused, setSaid, onRefused });
  const jump = useCallback(() => parts?.places.jumps(), [parts]);
  const goTo = useCallback(
    (cell: number) => {
      parts?.places.jumps();
      parts?.canvas.goTo(cell);
      parts?.focus.focus(cell);
    },
    [parts],
  );

  useEffect(() => {
    if (target) goTo(target.cell);
  }, [target, goTo]);
  useTotal(parts?.canvas, onChecked);
  const stage = useShortcuts(parts?.canvas);

  const shown = pointed ?? focused;
  return (
    <>
      <div ref={stage} class="stage" data-testid="stage">
        {parts && !isCompact && <Tools board={parts.canvas} isViewer={isViewer} onGo={goTo} />}
        <div class="stage-view">
          <canvas ref={canvas} class="stage-canvas" data-testid="canvas" data-tool={parts?.canvas.brush.tool} />
          {/* biome-ignore lint/a11y/useSemanticElements: a table cannot leave out the cells that are not near the focus */}
          <div
            ref={grid}
            class="focus-cells"
            role="grid"
            aria-label={`Board ${board.name}, ${countOf(size, "checkbox", "checkboxes")} in ${plane.columns} columns`}
            aria-colcount={plane.columns}
            aria-rowcount={plane.rows}
            aria-describedby="canvas-keys"
            aria-readonly={isViewer}
            data-testid="grid"
          />
          <div ref={anchor} class="stage-anchor" />
          {parts && !isCompact && (
            <ReplayBar canvas={parts.canvas} name={board.name} cellsOf={(page) => board.cellsOf(page)} />
          )}
          {parts && !isCompact && plane.pages > 1 && (
            <OverviewPanel
              board={parts.canvas}
              plane={plane}
              onJump={jump}
              onGo={goTo}
              isOpen={matchMedia(WIDE).matches}
            />
          )}
        </div>
        <p id="canvas-keys" class="for-screen-readers">
          Arrow keys move, space checks. Plus and minus zoom, 0 shows the whole board, shift with arrows moves the view.
          Control Z undoes.
        </p>
        <div class="for-screen-readers" translate={false} role="status" data-testid="focus-announcer">
          <Said what={said} />
        </div>
      </div>
      <MessageLine hint={hint} usual={shown === undefined ? (frozen ?? usual) : placeText(board, shown)} />
    </>
  );
}

interface Told {
  readonly setPointed: (cell: number | undefined) => void;
  readonly setFocused: (cell: number | undefined) => void;
  readonly setSaid: (said: Announcement) => void;
  readonly onRefused: CanvasViewProps["onRefused"];
}

/** The parts that draw and listen, made for one board of one size, and taken down with it. */
function useParts(board: Board, plane: Plane, { setPointed, setFocused, setSaid, onRefused }: Told) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const grid = useRef<HTMLDivElement>(null);
  const anchor = useRef<HTMLDivElement>(null);
  const pending = useMemo(() => new PendingCells(board), [board]);
  const [parts, setParts] = useState<Parts>();

  useLayoutEffect(() => {
    if (!canvas.current || !grid.current || !anchor.current) return;
    const anchored = anchor.current;
    const made = new CanvasBoard(canvas.current, { board, pending, plane, start: linkedCamera(plane) });
    const places = new PlaceHistory(made, plane);
    const teller = new FocusTeller((text) => setSaid({ text }));
    const focus = new FocusCells(grid.current, made, plane, {
      focused: (cell) => {
        teller.focused = cell;
        setFocused(cell);
      },
    });
    const note = new RefusalNote(grid.current, REFUSED_MS);
    let noted: number | undefined;
    const follow = () => {
      focus.follow();
      if (noted === undefined) return;
      const { x, y } = made.viewport.pointOf(noted);
      anchored.style.translate = `${x}px ${y}px`;
      anchored.style.width = `${made.viewport.camera.scale}px`;
      note.follow();
    };
    const tell = (cell: number, said: Hindrance) => {
      noted = cell;
      follow();
      note.show(anchored, said.note);
      onRefused(said.text, made.viewport.shows(cell));
    };
    const runs = new RefusalRuns((run) => tell(run.first.cell, run));
    const undo = [
      made.on("pointed", setPointed),
      made.on("chosen", (cell) => focus.focus(cell)),
      made.on("spared", (cell, reason) => tell(cell, sparedText(cell, reason))),
      made.on("missed", (cell, cells) => tell(cell, missedText(cell, cells))),
      made.on("changed", (changes) => teller.changed(changes)),
      made.on("drawn", () => {
        follow();
        places.moved();
      }),
      board.on("refused", (refused) => {
        made.refuse(refused);
        runs.add(refused);
      }),
    ];
    setParts({ canvas: made, focus, places });
    return () => {
      setParts(undefined);
      for (const off of undo) off();
      for (const part of [places, teller, focus, note, made]) part.close();
    };
  }, [board, pending, plane, setPointed, setFocused, setSaid, onRefused]);

  const [, setTools] = useState({});
  useEffect(() => parts?.canvas.on("tools", () => setTools({})), [parts]);
  return { canvas, grid, anchor, parts };
}

/** Keys for the canvas: those pressed on the stage, and those that are pressed on nothing. */
function useShortcuts(canvas: CanvasBoard | undefined) {
  const stage = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!canvas) return;
    const press = (event: KeyboardEvent) => {
      const isFree = event.target === document.body;
      if (!isFree && !(event.target instanceof Node && stage.current?.contains(event.target))) return;
      if (!event.defaultPrevented && pressShortcut(event, canvas, isFree)) event.preventDefault();
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [canvas]);
  return stage;
}

/** How many are checked on the whole board, told now and then. */
function useTotal(canvas: CanvasBoard | undefined, onChecked: CanvasViewProps["onChecked"]): void {
  useEffect(() => {
    if (!canvas) return;
    const timer = setInterval(() => onChecked(canvas.pages.densities.total), TOTAL_MS);
    return () => clearInterval(timer);
  }, [canvas, onChecked]);
}

function placeText(board: Board, cell: number): string {
  const { x, y } = placeOf(cell);
  const frozen = board.isFrozen(cell) ? " · frozen" : "";
  return `Checkbox ${cell} · row ${y + 1}, column ${x + 1}${frozen}`;
}
