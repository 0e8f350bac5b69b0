/*
 * The button that opens a replay, and the controls that replace it meanwhile. Both appear only if
 * the server keeps the board's history. "Back to now" and Escape close the replay.
 */

import { useEffect, useRef, useState } from "preact/hooks";
import { readHistoryMs } from "../../address/instance-answers.js";
import type { Past, PastOptions } from "./past.js";

const UNAVAILABLE = "The history is unavailable. Try again, or reload.";

export function ReplayBar(options: PastOptions) {
  const { canvas, name } = options;
  const keptMs = useHistoryMs(name);
  const { opened, isOpening, hasFailed, onPast, open, close } = useReplay(options, keptMs);
  const opener = useReturnedFocus(opened !== undefined);
  if (keptMs === 0) return null;
  const failure = hasFailed ? UNAVAILABLE : undefined;
  if (opened) {
    const { OpenBar, past } = opened;
    return <OpenBar {...{ canvas, name, past, keptMs, isOpening, failure, onPast, open, close }} />;
  }
  return (
    <div class="replay" translate={false} data-testid="replay">
      <button ref={opener} type="button" data-testid="replay-open" onClick={() => open()}>
        Replay
      </button>
      <span role="status">{failure}</span>
    </div>
  );
}

interface Opened {
  readonly past: Past;
  readonly OpenBar: typeof import("./open-bar.js").OpenBar;
}

/** The replay that is open, if any. */
function useReplay(options: PastOptions, keptMs: number) {
  const { canvas } = options;
  const [opened, setOpened] = useState<Opened>();
  const [isOpening, setOpening] = useState(false);
  const [hasFailed, setFailed] = useState(false);
  /** Counts the user's choices: an answer to an earlier choice is ignored. */
  const choice = useRef(0);
  const forget = () => {
    choice.current++;
  };
  useEffect(() => forget, []);
  const show = (next: Opened | undefined) => {
    forget();
    setOpening(false);
    setFailed(false);
    canvas.replay = next?.past.replay;
    setOpened(next);
  };
  /** Without a span, the shortest one. */
  const open = async (spanMs?: number) => {
    forget();
    const mine = choice.current;
    setOpening(true);
    const next = await load(options, keptMs, spanMs).catch(() => undefined);
    if (choice.current !== mine) return;
    if (next) return show(next);
    setOpening(false);
    setFailed(true);
  };
  const onPast = (past: Past) => setOpened((now) => now && { ...now, past });
  return { opened, isOpening, hasFailed, onPast, open, close: () => show(undefined) };
}

/** Undefined if the history is unavailable. */
async function load(options: PastOptions, keptMs: number, spanMs?: number): Promise<Opened | undefined> {
  const { OpenBar, openPast } = await import("./open-bar.js");
  const past = await openPast(options, keptMs, spanMs);
  return past && { past, OpenBar };
}

function useHistoryMs(name: string): number {
  const [keptMs, setKept] = useState(0);
  useEffect(() => {
    readHistoryMs(name).then(setKept, () => undefined);
  }, [name]);
  return keptMs;
}

/** Focuses the element again if the focus was lost when the replay was closed. */
function useReturnedFocus(isOpen: boolean) {
  const opener = useRef<HTMLButtonElement>(null);
  const wasOpen = useRef(false);
  useEffect(() => {
    if (wasOpen.current && !isOpen && document.activeElement === document.body) opener.current?.focus();
    wasOpen.current = isOpen;
  }, [isOpen]);
  return opener;
}
