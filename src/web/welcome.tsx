/*
 * One sentence about the board, for someone who opens one for the first time. It stays until they
 * close it, because a board that moved under the pointer would spoil a stroke. Once they have
 * closed it or checked a box, the browser remembers that, for all boards of this address.
 */

import { useEffect, useState } from "preact/hooks";
import type { Board } from "../client/index.js";

const KEY = "socketscaler.welcomed";

interface WelcomeProps {
  readonly board: Board;
  readonly isViewer: boolean;
}

export function Welcome({ board, isViewer }: WelcomeProps) {
  const [isShown, setShown] = useState(isFirstVisit);
  useEffect(() => {
    if (!isShown) return;
    return board.on("change", (changes) => changes.some(({ mine }) => mine) && remember());
  }, [board, isShown]);
  useEffect(() => {
    if (!isShown) remember();
  }, [isShown]);
  if (!isShown) return null;
  return (
    <aside class="welcome" aria-label="About this board" data-testid="welcome">
      <p>
        Everyone shares this board, live.
        {!isViewer && " A box that you check is checked for all."}
      </p>
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
