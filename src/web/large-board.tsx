/*
 * The canvas, loaded when a board is known to need it: the page of a small board, which most are, stays as small as it was.
 */

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { CanvasViewProps } from "./canvas/canvas-view.js";

export function LargeBoard(props: CanvasViewProps) {
  const [loaded, setLoaded] = useState<{ readonly View: ComponentType<CanvasViewProps> }>();
  const [hasFailed, setFailed] = useState(false);
  useEffect(() => {
    import("./canvas/canvas-view.js").then(
      ({ CanvasView }) => setLoaded({ View: CanvasView }),
      // The instance was updated under an open page, or is gone.
      () => setFailed(true),
    );
  }, []);
  if (loaded) return <loaded.View {...props} />;
  return (
    <div class="absence">
      <p role="status" translate={false}>
        {hasFailed ? "The board could not be loaded. Please reload the page." : "Loading the board …"}
      </p>
    </div>
  );
}
