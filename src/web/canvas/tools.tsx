/* The buttons over the canvas: tools, undo and redo, zoom, the list of keys. */

import { useEffect, useLayoutEffect, useState } from "preact/hooks";
import type { CanvasBoard } from "./canvas-board.js";
import type { Tool } from "./drawing/brush.js";
import { FillStatus } from "./fill-status.js";
import { IconButton } from "./icon-button.js";
import { KeysDialog } from "./keys-dialog.js";

const TOOLS: readonly Readonly<{ tool: Tool } & Record<"name" | "shortcut" | "icon", string>>[] = [
  {
    tool: "move",
    name: "Move and click",
    shortcut: "M",
    icon: "M8 2v12M2 8h12M8 2l-2 2M8 2l2 2M8 14l-2-2M8 14l2-2M2 8l2-2M2 8l2 2M14 8l-2-2M14 8l-2 2",
  },
  { tool: "draw", name: "Draw", shortcut: "D", icon: "M3 13l1-3.5L11 2.5l2.5 2.5-7 7L3 13zM9.5 4L12 6.5" },
  { tool: "erase", name: "Erase", shortcut: "E", icon: "M6.5 13.5L2.5 9.5l6.5-7 5 5-6 6zM5.5 6.5l5 5M6.5 13.5H14" },
  { tool: "fill", name: "Fill a rectangle", shortcut: "R", icon: "M3 4h10v8H3zM3 8l4-4M3 12l8-8M7 12l6-6" },
  { tool: "clear", name: "Clear a rectangle", shortcut: "C", icon: "M3 4h10v8H3zM6 6l4 4M10 6l-4 4" },
];

const STEP = 2;

interface ToolsProps {
  readonly board: CanvasBoard;
  readonly isViewer: boolean;
  readonly onGo: (cell: number) => void;
}

/** Renders the component again when the tool, strokes, a fill's progress or the replay changes. */
export function useToolChanges(board: CanvasBoard | undefined): void {
  const [, setChanged] = useState({});
  useLayoutEffect(() => board?.on("tools", () => setChanged({})), [board]);
}

export function Tools({ board, isViewer, onGo }: ToolsProps) {
  useToolChanges(board);
  return (
    <div class="stage-tools">
      {!isViewer && <DrawingTools board={board} onGo={onGo} />}
      <FillStatus portions={board.brush.portions} />
      <div class="tools" role="toolbar" aria-label="Zoom">
        <IconButton name="Zoom in" icon="M8 3v10M3 8h10" id="zoom-in" onPress={() => board.travel.zoom(STEP)} />
        <IconButton name="Zoom out" icon="M3 8h10" id="zoom-out" onPress={() => board.travel.zoom(1 / STEP)} />
        <IconButton
          name="Show the whole board"
          icon="M3 6V3h3M10 3h3v3M13 10v3h-3M6 13H3v-3"
          id="zoom-fit"
          onPress={() => board.travel.toAll()}
        />
        <KeysDialog />
      </div>
    </div>
  );
}

function DrawingTools({ board, onGo }: Omit<ToolsProps, "isViewer">) {
  const { brush } = board;
  const { places, drawn } = brush.strokes;
  const isPast = board.replay !== undefined;
  // The user's change that was visited last. The first visit goes to the newest one.
  const [visited, setVisited] = useState(places.length);
  const visit = (index: number) => {
    const cell = places[index];
    setVisited(index);
    if (cell !== undefined) onGo(cell);
  };
  // `drawn` as well: once the list is full, a new place does not change its length.
  useEffect(() => setVisited(places.length), [places.length, drawn]);
  return (
    <div class="tools" role="toolbar" aria-label="Drawing">
      {TOOLS.map(({ tool, ...button }) => (
        <IconButton
          key={tool}
          {...button}
          id={`tool-${tool}`}
          isPressed={brush.tool === tool}
          isOff={isPast && tool !== "move"}
          onPress={() => board.use(tool)}
        />
      ))}
      <IconButton
        name="Undo"
        icon="M3 6h6.5a3.5 3.5 0 010 7H6M3 6l3-3M3 6l3 3"
        id="undo"
        isOff={isPast || !brush.strokes.canUndo}
        onPress={() => void board.undoing.do("undo")}
      />
      <IconButton
        name="Redo"
        icon="M13 6H6.5a3.5 3.5 0 000 7H10M13 6l-3-3M13 6l-3 3"
        id="redo"
        isOff={isPast || !brush.strokes.canRedo}
        onPress={() => void board.undoing.do("redo")}
      />
      <IconButton
        name="My previous change"
        icon="M10 3L5 8l5 5"
        id="mine-previous"
        isOff={visited <= 0}
        onPress={() => visit(visited - 1)}
      />
      <IconButton
        name="My next change"
        icon="M6 3l5 5-5 5"
        id="mine-next"
        isOff={visited >= places.length - 1}
        onPress={() => visit(visited + 1)}
      />
    </div>
  );
}
