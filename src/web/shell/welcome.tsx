/*
 * One sentence for someone who opens a board for the first time, until they close it or check a
 * box. The browser remembers that for all boards of this address.
 */

import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Board } from "../../client/index.js";

const KEY = "socketscaler.welcomed";

/** Undefined after the first visit. */
export function useWelcome(board: Board): ComponentChildren {
  const [isShown, setShown] = useState(isFirstVisit);
  useEffect(() => {
    if (!isShown) return;
    return board.on("change", (changes) => changes.some(({ mine }) => mine) && setShown(false));
  }, [board, isShown]);
  useEffect(() => {
    if (!isShown) remember();
  }, [isShown]);
  if (!isShown) return undefined;
  return (
    <aside class="welcome" aria-label="About this board" data-testid="welcome">
      <p>Everyone shares this board, live.</p>
      <button type="button" onClick={() => setShown(false)}>
        Got it
      </button>
    </aside>
  );
}

/** An invitation to check the first box of an empty board. */
export function emptyText(checked: number | undefined, isViewer: boolean): string | undefined {
  if (checked !== 0) return undefined;
  return isViewer ? "No box is checked yet." : "No box is checked yet. Check a box, and everyone sees it right away.";
}

function isFirstVisit(): boolean {
  try {
    return localStorage.getItem(KEY) === null;
  } catch {
    // A browser that stores nothing would show it each time.
    return false;
  }
}

function remember(): void {
  try {
    localStorage.setItem(KEY, "1");
  } catch {
    // As above.
  }
}
