/*
 * The app for one board: header, navigation, cells. Small boards are real checkboxes
 * (grid-view.tsx), larger ones a canvas (canvas/canvas-view.tsx).
 */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Board, Client } from "../client/index.js";
import { countOf } from "../protocol/count.js";
import { AccessBar } from "./access-bar.js";
import { Announcer } from "./announcer.js";
import { claimsText } from "./claims.js";
import { GridView } from "./grid-view.js";
import { LargeBoard } from "./large-board.js";
import { GRID_CELLS_MAX } from "./layout.js";
import { useDelay, useLive } from "./live.js";
import { reportLost } from "./lost-cells.js";
import { Boards, GoToNumber } from "./navigation.js";
import type { Announcement } from "./said.js";
import { Status } from "./status.js";
import { type AccessWording, accessWording, problem } from "./wording.js";

interface AppProps {
  readonly client: Client;
  readonly board: Board;
  readonly isCompact: boolean;
  readonly names: Promise<readonly string[]>;
  readonly hasToken: boolean;
  /** Restarts the app with this token; empty for none. */
  readonly onToken: (token: string) => void;
}

const REFUSAL_SHOWN_MS = 8_000;

export function App({ client, board, isCompact, names, hasToken, onToken }: AppProps) {
  const live = useLive(client, board);
  const delay = useDelay(board);
  const boards = useResolved(names);
  const [checked, setChecked] = useState<number>();
  const [target, setTarget] = useState<{ cell: number }>();
  const [refusal, setRefusal] = useState<Announcement & { readonly isShown: boolean }>({ text: "", isShown: true });
  const onRefused = useCallback((text: string, isShown: boolean) => setRefusal({ text, isShown }), []);
  const hasBeenLive = useRef(false);
  hasBeenLive.current ||= live.status === "live";

  useEffect(() => {
    if (refusal.isShown) return;
    const timer = setTimeout(() => setRefusal({ text: "", isShown: true }), REFUSAL_SHOWN_MS);
    return () => clearTimeout(timer);
  }, [refusal]);

  useEffect(() => reportLost(board, Date.now, (text) => onRefused(text, false)), [board, onRefused]);

  const { size } = live;
  const goTo = (cell: number) => setTarget({ cell });
  // For a refusal whose cell is not on the screen.
  const elsewhere = refusal.isShown ? undefined : { tone: "bad" as const, text: refusal.text };
  const isDelayed = delay !== undefined || !live.connection.connected || !live.connection.storeAvailable;
  const access = accessWording(live, hasToken);
  const isShown = size > 0 && live.failure === undefined;
  const View = size > GRID_CELLS_MAX ? LargeBoard : GridView;
  const hint = problem(live, delay, hasBeenLive.current) ?? elsewhere;
  return (
    <div class="page" data-compact={isCompact ? "" : undefined}>
      <header class="header">
        {!isCompact && <Title board={board.name} size={size} />}
        <Status live={live} board={board} checked={checked} />
      </header>
      {!isCompact && isShown && (
        <div class="toolbar">
          <GoToNumber size={size} onGo={goTo} />
          <Boards names={boards} current={board.name} />
        </div>
      )}
      {access && <AccessBar access={access} hasToken={hasToken} onToken={onToken} />}
      <main class="main" aria-label="Board">
        {isShown && (
          <View
            board={board}
            size={size}
            target={target}
            isCompact={isCompact}
            isViewer={live.isViewer}
            isDelayed={isDelayed}
            hint={hint}
            usual={isCompact ? undefined : usualText(board, size, live.isViewer)}
            onChecked={setChecked}
            onRefused={onRefused}
          />
        )}
        {!isShown && <Absence access={access} failure={hint?.text} names={boards} board={board.name} />}
      </main>
      <Announcer live={live} delay={delay} refusal={refusal} />
    </div>
  );
}

function usualText(board: Board, size: number, isViewer: boolean): string {
  const claims = claimsText(board, isViewer);
  if (size > GRID_CELLS_MAX) {
    const moves = "Drag to move, scroll or pinch to zoom";
    if (claims !== undefined) return `${moves}. ${claims}`;
    return `${moves}${isViewer ? "" : ", click to check"}.`;
  }
  if (claims !== undefined) return claims;
  return isViewer ? "You see other people's changes right away." : "Check a box, and everyone sees it right away.";
}

function Title({ board, size }: { board: string; size: number }) {
  return (
    <div class="title">
      <img src="favicon.svg" alt="" width="36" height="36" />
      <div>
        <h1>SocketScaler</h1>
        <p translate={false}>
          Board <strong>{board}</strong>
          {size > 0 && ` · ${countOf(size, "checkbox", "checkboxes")}`}
          {size > 0 && <span class="numbered">, numbered from 0</span>}
        </p>
      </div>
    </div>
  );
}

interface AbsenceProps {
  readonly access: AccessWording | undefined;
  readonly failure: string | undefined;
  readonly names: readonly string[];
  readonly board: string;
}

/** Shown instead of the cells until the board is known. */
function Absence({ access, failure, names, board }: AbsenceProps) {
  return (
    <div class="absence">
      <p role="status" translate={false} data-testid="absence">
        {access ? "This board is private." : (failure ?? "Connecting to the board …")}
      </p>
      {failure !== undefined && <Boards names={names} current={board} />}
    </div>
  );
}

function useResolved(names: Promise<readonly string[]>): readonly string[] {
  const [resolved, setResolved] = useState<readonly string[]>([]);
  useEffect(() => {
    names.then(setResolved, () => undefined);
  }, [names]);
  return resolved;
}
