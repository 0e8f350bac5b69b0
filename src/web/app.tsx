/*
 * The app for one board. The board fills the window below one line of facts, and everything else
 * floats over it.
 */

import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import type { Board, Client } from "../client/index.js";
import { CanvasView } from "./canvas/canvas-view.js";
import { AccessBar } from "./shell/access-bar.js";
import { Announcer } from "./shell/announcer.js";
import { More } from "./shell/more.js";
import { Boards, GoToNumber } from "./shell/navigation.js";
import type { Announcement } from "./shell/said.js";
import { ConnectionFacts, Status } from "./shell/status.js";
import { emptyText, useWelcome } from "./shell/welcome.js";
import { claimsText } from "./state/claims.js";
import { useDelay, useIsWide, useLive } from "./state/live.js";
import { reportLost } from "./wording/lost-cells.js";
import { useTabTitle } from "./wording/tab-title.js";
import { askBeforeLeaving, useEarlier } from "./wording/unsent.js";
import { type AccessWording, accessWording, problem } from "./wording/wording.js";

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
  const earlier = useEarlier(client);
  const welcome = useWelcome(board);
  const boards = useResolved(names);
  const isWide = useIsWide();
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

  useEffect(() => askBeforeLeaving(board), [board]);
  useEffect(() => reportLost(board, Date.now, (text) => onRefused(text, false)), [board, onRefused]);

  useTabTitle(board.name, checked);

  const { size } = live;
  // For a refusal whose cell is not on the screen.
  const elsewhere = refusal.isShown ? undefined : { tone: "bad" as const, text: refusal.text };
  const access = accessWording(live, hasToken);
  const isShown = size > 0 && live.failure === undefined;
  const hint = problem(live, delay, hasBeenLive.current) ?? elsewhere ?? earlier;
  const goTo = isShown && <GoToNumber size={size} onGo={(cell) => setTarget({ cell })} />;
  // A pane is part of a document that has its own landmarks.
  const [Header, Main] = isCompact ? (["div", "div"] as const) : (["header", "main"] as const);
  return (
    <div class="page" data-compact={isCompact ? "" : undefined}>
      <Header class="header">
        {!isCompact && <Title board={board.name} />}
        <Status live={live} board={board} checked={checked} />
        {isCompact && <ConnectionFacts live={live} />}
        {!isCompact && isWide && goTo}
        {!isCompact && (
          <More live={live} closing={target}>
            {!isWide && goTo}
            <Boards names={boards} current={board.name} />
          </More>
        )}
      </Header>
      {access && <AccessBar access={access} hasToken={hasToken} onToken={onToken} />}
      <Main class="main" aria-label={isCompact ? undefined : "Board"}>
        {isShown && (
          <CanvasView
            board={board}
            size={size}
            target={target}
            isCompact={isCompact}
            isViewer={live.isViewer}
            welcome={isCompact || board.claims ? undefined : welcome}
            hint={hint}
            usual={isCompact ? undefined : usualText(board, checked, live.isViewer)}
            onChecked={setChecked}
            onRefused={onRefused}
          />
        )}
        {!isShown && <Absence access={access} failure={hint?.text} names={boards} board={board.name} />}
      </Main>
      <Announcer live={live} delay={delay} refusal={refusal} />
    </div>
  );
}

function usualText(board: Board, checked: number | undefined, isViewer: boolean): string {
  const text = claimsText(board, isViewer) ?? emptyText(checked, isViewer);
  if (text !== undefined) return text;
  return isViewer ? "You see other people’s changes right away." : "Check a box, and everyone sees it right away.";
}

function Title({ board }: { board: string }) {
  return (
    <div class="title">
      <img src="favicon.svg" alt="" width="24" height="24" />
      <h1 translate={false}>
        <span>SocketScaler</span> <strong>{board}</strong>
      </h1>
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
