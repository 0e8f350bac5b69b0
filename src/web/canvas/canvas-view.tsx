/* A large board's place in the page: the canvas, what is laid over it, its tools, and the line under it. */

import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import type { Board } from "../../client/index.js";
import { MessageLine } from "../message-line.js";
import { PendingCells } from "../pending-cells.js";
import type { Wording } from "../wording.js";
import { CanvasBoard } from "./canvas-board.js";
import { placeOf, planeOf } from "./plane.js";
import { Tools } from "./tools.js";

export interface CanvasViewProps {
  readonly board: Board;
  readonly size: number;
  readonly target: { readonly cell: number } | undefined;
  readonly isDelayed: boolean;
  readonly isCompact: boolean;
  readonly hint: Wording | undefined;
  readonly usual: string | undefined;
}

export function CanvasView(props: CanvasViewProps) {
  const { board, size, target, hint, usual, isCompact } = props;
  const canvas = useRef<HTMLCanvasElement>(null);
  const plane = useMemo(() => planeOf(size), [size]);
  const pending = useMemo(() => new PendingCells(board), [board]);
  const [made, setMade] = useState<CanvasBoard>();
  const [pointed, setPointed] = useState<number>();
  const [, setTools] = useState({});

  useLayoutEffect(() => {
    if (!canvas.current) return;
    const made = new CanvasBoard(canvas.current, {
      board,
      pending,
      plane,
      listener: {
        drawn: () => undefined,
        pointed: setPointed,
        chosen: () => undefined,
        toolsChanged: () => setTools({}),
        changed: () => undefined,
      },
    });
    setMade(made);
    return () => {
      setMade(undefined);
      made.close();
    };
  }, [board, pending, plane]);

  useEffect(() => {
    if (target) made?.goTo(target.cell);
  }, [target, made]);

  return (
    <>
      <div class="stage" data-testid="stage">
        <canvas ref={canvas} class="stage-canvas" data-testid="canvas" />
        {made && !isCompact && <Tools board={made} />}
      </div>
      <MessageLine hint={hint} usual={pointed === undefined ? usual : placeText(pointed)} />
    </>
  );
}

function placeText(cell: number): string {
  const { x, y } = placeOf(cell);
  return `Checkbox ${cell} · row ${y + 1}, column ${x + 1}`;
}
