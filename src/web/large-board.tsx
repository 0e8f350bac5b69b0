/* Loads the canvas only if a board needs it, so that the app stays small for small boards. */

import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { BoardViewProps } from "./grid-view.js";

export function LargeBoard(props: BoardViewProps) {
  const [loaded, setLoaded] = useState<{ readonly View: ComponentType<BoardViewProps> }>();
  const [hasFailed, setFailed] = useState(false);
  useEffect(() => {
    import("./canvas/canvas-view.js").then(
      ({ CanvasView }) => setLoaded({ View: CanvasView }),
      // The instance is gone, or was updated after the app was loaded.
      () => setFailed(true),
    );
  }, []);
  if (loaded) return <loaded.View {...props} />;
  return (
    <div class="absence">
      <p role="status" translate={false}>
        {hasFailed ? "The board could not be loaded. Reload to try again." : "Loading the board …"}
      </p>
    </div>
  );
}
