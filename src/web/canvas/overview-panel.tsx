/* The overview in the corner of the canvas: the minimap and a list of active places. */

import { useEffect, useLayoutEffect, useRef, useState } from "preact/hooks";
import { cellAt as cellOnPage } from "../../board/geometry.js";
import type { CanvasBoard } from "./canvas-board.js";
import type { ActivePage } from "./held/activity.js";
import { Minimap } from "./minimap.js";

interface OverviewPanelProps {
  readonly board: CanvasBoard;
  readonly onJump: () => void;
  readonly onGo: (cell: number) => void;
  readonly isOpen: boolean;
}

const PLACES = 4;
const EVERY_MS = 1_000;

export function OverviewPanel({ board, onJump, onGo, isOpen }: OverviewPanelProps) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const [places, setPlaces] = useState<readonly ActivePage[]>([]);

  useLayoutEffect(() => {
    if (!canvas.current) return;
    const minimap = new Minimap(canvas.current, board, onJump);
    const off = board.on("drawn", (nowMs) => minimap.draw(nowMs));
    return () => {
      off();
      minimap.close();
    };
  }, [board, onJump]);

  const go = (page: number, cell: number | undefined) => {
    if (cell !== undefined) onGo(cell);
    else {
      onJump();
      board.travel.toPage(page);
    }
  };

  useEffect(() => {
    const timer = setInterval(() => setPlaces(board.activity.warmest(PLACES, performance.now())), EVERY_MS);
    return () => clearInterval(timer);
  }, [board]);

  return (
    <details class="overview" open={isOpen} data-testid="overview">
      <summary>Overview</summary>
      <canvas
        ref={canvas}
        class="minimap"
        role="img"
        aria-label="Map of the whole board, showing how full each part is"
        data-testid="minimap"
      />
      <p class="legend" data-testid="legend">
        <span>Empty</span>
        <span class="legend-ramp" />
        <span>Full</span>
      </p>
      <h2>Active now</h2>
      <ul data-testid="places" translate={false}>
        {places.map(({ page, cell }) => (
          <li key={page}>
            <button type="button" onClick={() => go(page, cell)}>
              Near checkbox {cell ?? cellOnPage(page, 0)}
            </button>
          </li>
        ))}
        {places.length === 0 && <li class="none">Quiet right now</li>}
      </ul>
    </details>
  );
}
