/*
 * The controls of a replay: how far back, a timeline, and the way back to now. They appear only if
 * the server keeps the board's history.
 */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Palette } from "../paint/palette.js";
import { readHistoryMs, readPageRecord, readStoreMs } from "./recorded-pages.js";
import { REPLAYED_PAGES_MAX, Replay } from "./replay.js";
import { replaySpans } from "./spans.js";
import { Timeline } from "./timeline.js";

const UNAVAILABLE = "The history is unavailable right now. Try again in a moment.";

interface ReplayBoard {
  readonly palette: Palette;
  readonly viewport: { readonly plane: { readonly across: number } };
  readonly pages: { readonly inSight: readonly number[] };
  replay: Replay | undefined;
  draw(): void;
  on(event: "drawn", listener: () => void): () => void;
}

interface ReplayBarProps {
  readonly canvas: ReplayBoard;
  readonly name: string;
  readonly cellsOf: (page: number) => number | undefined;
}

export function ReplayBar({ canvas, name, cellsOf }: ReplayBarProps) {
  const spans = replaySpans(useHistoryMs(name));
  const { replay, hasFailed, open, close } = useReplay(canvas, name, cellsOf);
  const isPart = useIsPart(canvas);
  const [shortest] = spans;
  if (!shortest) return null;
  if (!replay) {
    return (
      <div class="replay" translate={false} data-testid="replay">
        <button type="button" data-testid="replay-open" onClick={() => open(shortest.ms)}>
          Replay
        </button>
        <span role="status">{hasFailed && UNAVAILABLE}</span>
      </div>
    );
  }
  return (
    <fieldset class="replay" translate={false} aria-label="Replay" data-testid="replay">
      <Timeline key={replay.fromMs} replay={replay} />
      {spans.length > 1 &&
        spans.map(({ name, ms }) => (
          <button
            key={name}
            type="button"
            aria-pressed={replay.toMs - replay.fromMs === ms}
            data-testid="replay-span"
            onClick={() => open(ms)}
          >
            {name}
          </button>
        ))}
      <button type="button" data-testid="replay-close" onClick={close}>
        Back to now
      </button>
      <span role="status" class="replay-note" data-testid="replay-note">
        {hasFailed ? UNAVAILABLE : isPart && "Zoom in to replay all boxes in view."}
      </span>
    </fieldset>
  );
}

function useHistoryMs(name: string): number {
  const [keptMs, setKept] = useState(0);
  useEffect(() => {
    readHistoryMs(name).then(setKept, () => undefined);
  }, [name]);
  return keptMs;
}

function useReplay(canvas: ReplayBoard, name: string, cellsOf: ReplayBarProps["cellsOf"]) {
  const [replay, setReplay] = useState<Replay>();
  const [hasFailed, setFailed] = useState(false);
  /** Counts the user's choices: an answer to an earlier choice is ignored. */
  const choice = useRef(0);
  useEffect(
    () => () => {
      choice.current++;
    },
    [],
  );
  const show = (next: Replay | undefined) => {
    choice.current++;
    canvas.replay = next;
    setReplay(next);
  };
  const open = async (spanMs: number) => {
    const mine = ++choice.current;
    const toMs = await readStoreMs(name).catch(() => undefined);
    if (choice.current !== mine) return;
    setFailed(toMs === undefined);
    if (toMs === undefined) return;
    show(
      new Replay({
        fromMs: toMs - spanMs,
        toMs,
        palette: canvas.palette,
        across: canvas.viewport.plane.across,
        read: async (page, fromMs, toMs) => {
          const cells = cellsOf(page);
          return cells === undefined ? undefined : readPageRecord(name, page, cells, { fromMs, toMs });
        },
        now: () => performance.now(),
        changed: () => canvas.draw(),
      }),
    );
  };
  return { replay, hasFailed, open, close: () => show(undefined) };
}

/** Whether the view shows pages that the replay leaves out: they are too small, or too many. */
function useIsPart(canvas: ReplayBoard): boolean {
  const [isPart, setPart] = useState(false);
  useEffect(
    () =>
      canvas.on("drawn", () => {
        const { length } = canvas.pages.inSight;
        setPart(length === 0 || length > REPLAYED_PAGES_MAX);
      }),
    [canvas],
  );
  return isPart;
}
