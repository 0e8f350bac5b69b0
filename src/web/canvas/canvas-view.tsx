/* A board in the app: the canvas and the cells, with the controls and the message over them. */

import type { ComponentChildren } from "preact";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { type Plane, placeOf, planeOf } from "../../board/plane.js";
import type { Board } from "../../client/index.js";
import { countOf } from "../../protocol/count.js";
import { MessageLine } from "../shell/message-line.js";
import { type Announcement, Said } from "../shell/said.js";
import { ownerText } from "../state/claims.js";
import { useFrozen, useIsWide, useTicking } from "../state/live.js";
import { placeText, type Wording } from "../wording/wording.js";
import type { CanvasBoard } from "./canvas-board.js";
import { OverviewPanel } from "./overview-panel.js";
import { makeParts, type Parts, type PartsListener } from "./parts.js";
import { ReplayBar } from "./replay/bar.js";
import { pressShortcut } from "./shortcuts.js";
import { Tools, useToolChanges } from "./tools.js";
import { areElements } from "./view/elements.js";

interface BoardViewProps {
  readonly board: Board;
  /** Cells of the board; at least one. */
  readonly size: number;
  /** The cell to go to. Each new object is a new request, even for the same cell. */
  readonly target: { readonly cell: number } | undefined;
  /** A reduced app, for a pane of the demo. */
  readonly isCompact: boolean;
  readonly isViewer: boolean;
  /** A sentence for a first visit, while there is nothing else to say. */
  readonly welcome: ComponentChildren;
  readonly hint: Wording | undefined;
  readonly usual: string | undefined;
  readonly onChecked: (checked: number | undefined) => void;
  /** `text` explains a refusal. `isShown`: a note at the cell explains it too. */
  readonly onRefused: (text: string, isShown: boolean) => void;
}

export function CanvasView(props: BoardViewProps) {
  const { board, size, target, welcome, usual, isCompact, isViewer, onChecked, onRefused } = props;
  const plane = useMemo(() => planeOf(size), [size]);
  const [named, onNamed] = useState<number>();
  const [said, setSaid] = useState<Announcement>({ text: "" });
  const frozen = useFrozen(board, "hatched in blue");
  const isWide = useIsWide();
  const listener = useMemo(
    () => ({ onNamed, onSaid: (text: string) => setSaid({ text }), onChecked, onRefused }),
    [onChecked, onRefused],
  );
  const { surface, canvas, grid, parts } = useParts(board, plane, !isCompact, listener);
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
  const stage = useShortcuts(parts?.canvas);

  // The board may have shrunk.
  const shown = named !== undefined && named < size ? named : undefined;
  const usualNow = useTicking(board.claims !== undefined, () => {
    if (shown === undefined) return frozen ?? usual;
    const owner = parts?.canvas.replay ? undefined : ownerText(board, shown, Date.now());
    return placeText(shown, placeOf(plane, shown), board.isFrozen(shown), owner);
  });
  // The progress of a fill says the same, more exactly.
  const hint = props.hint?.isPace && parts?.canvas.brush.portions.progress ? undefined : props.hint;
  const isWelcomed = welcome !== undefined && !hint && shown === undefined;
  // The same elements: what changes often, such as the line's text, must not render them again.
  const floating = isCompact ? undefined : parts;
  const tools = useMemo(
    () => floating && <Tools board={floating.canvas} isViewer={isViewer} onGo={goTo} />,
    [floating, isViewer, goTo],
  );
  const replay = useMemo(
    () =>
      floating && (
        <ReplayBar key={size} canvas={floating.canvas} name={board.name} cellsOf={(page) => board.cellsOf(page)} />
      ),
    [floating, size, board],
  );
  const overview = useMemo(
    () =>
      floating &&
      plane.pages > 1 && <OverviewPanel board={floating.canvas} onJump={jump} onGo={goTo} isOpen={isWide} />,
    [floating, plane, jump, goTo, isWide],
  );
  return (
    <div ref={stage} class="stage" data-testid="stage">
      <div
        ref={surface}
        class="surface"
        data-testid="surface"
        data-elements={areElements(plane)}
        data-tool={parts?.canvas.brush.tool}
      >
        <canvas ref={canvas} class="stage-canvas" data-testid="canvas" />
        {/* biome-ignore lint/a11y/useSemanticElements: a table cannot omit distant cells */}
        <div
          ref={grid}
          class="cells"
          role="grid"
          aria-label={`Board ${board.name}, ${countOf(size, "checkbox", "checkboxes")} in ${countOf(plane.columns, "column")}`}
          aria-colcount={plane.columns}
          aria-rowcount={plane.rows}
          aria-describedby="canvas-keys"
          aria-readonly={isViewer}
          data-testid="grid"
        />
      </div>
      <div class="floats">
        {tools}
        <div class="stage-panels">
          {replay}
          {isWelcomed && welcome}
          <MessageLine hint={hint} usual={isWelcomed ? undefined : usualNow} />
          {overview}
        </div>
      </div>
      <p id="canvas-keys" class="for-screen-readers">
        Arrow keys move the focus, and Space checks or unchecks the box. Plus and minus zoom, 0 shows the whole board,
        and Shift with arrow keys moves the view. Control+Z undoes your last change.
      </p>
      <div class="for-screen-readers" translate={false} role="status" data-testid="focus-announcer">
        <Said what={said} />
      </div>
    </div>
  );
}

function useParts(board: Board, plane: Plane, hasTools: boolean, listener: PartsListener) {
  const surface = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const grid = useRef<HTMLDivElement>(null);
  const [parts, setParts] = useState<Parts>();

  useLayoutEffect(() => {
    if (!surface.current || !canvas.current || !grid.current) return;
    const elements = { surface: surface.current, canvas: canvas.current, grid: grid.current };
    const made = makeParts(elements, board, plane, hasTools, listener);
    setParts(made);
    return () => {
      setParts(undefined);
      made.close();
    };
  }, [board, plane, hasTools, listener]);

  useToolChanges(parts?.canvas);
  return { surface, canvas, grid, parts };
}

/** Handles keys pressed within the stage, or while nothing has the focus. */
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
