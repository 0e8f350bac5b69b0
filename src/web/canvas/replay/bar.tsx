/* The controls of a replay: a span of time, play, and a slider over it. Shown where the board's changes are recorded. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Palette } from "../paint/palette.js";
import { readHistoryMs, readPageRecord, readStoreMs } from "./recorded-pages.js";
import { REPLAYED_PAGES_MAX, Replay } from "./replay.js";
import { replaySpans } from "./spans.js";

const RETRY_SAID = "The record cannot be read just now.";
/** A replay of any span takes so long. */
const PLAY_MS = 20_000;
const TICK_MS = 50;
const STEPS = 1_000;
const clock = new Intl.DateTimeFormat(undefined, { dateStyle: "short", timeStyle: "medium" });

/** What a replay needs of the canvas board. */
export interface ReplayBoard {
  readonly palette: Palette;
  readonly pages: { readonly inSight: readonly number[] };
  replay: Replay | undefined;
  draw(): void;
  on(event: "drawn", listener: () => void): () => void;
}

export interface ReplayBarProps {
  readonly canvas: ReplayBoard;
  readonly name: string;
  readonly cellsOf: (page: number) => number | undefined;
}

export function ReplayBar({ canvas, name, cellsOf }: ReplayBarProps) {
  const [keptMs, setKept] = useState(0);
  const [replay, setReplay] = useState<Replay>();
  const [atMs, setAt] = useState(0);
  const [isPlaying, setPlaying] = useState(false);
  const [hasFailed, setFailed] = useState(false);
  const isPart = useIsPart(canvas);
  const spans = replaySpans(keptMs);
  /** Counts what was shown or asked for: an answer that comes after something else was chosen counts for nothing. */
  const turn = useRef(0);

  useEffect(
    () => () => {
      turn.current++;
    },
    [],
  );
  useEffect(() => {
    readHistoryMs(name).then(setKept, () => undefined);
  }, [name]);
  useEffect(() => {
    if (!replay || !isPlaying) return;
    const stepMs = ((replay.toMs - replay.fromMs) * TICK_MS) / PLAY_MS;
    const timer = setInterval(() => {
      seek(replay.atMs + stepMs);
      if (replay.atMs >= replay.toMs) setPlaying(false);
    }, TICK_MS);
    return () => clearInterval(timer);
  }, [replay, isPlaying]);

  const show = (next: Replay | undefined) => {
    turn.current++;
    canvas.replay = next;
    canvas.draw();
    setReplay(next);
    setPlaying(false);
  };
  const seek = (ms: number) => {
    replay?.moveTo(ms);
    setAt(replay?.atMs ?? 0);
  };
  const open = async (spanMs: number) => {
    const mine = ++turn.current;
    const toMs = await readStoreMs(name).catch(() => undefined);
    if (turn.current !== mine) return;
    setFailed(toMs === undefined);
    if (toMs === undefined) return;
    const next = new Replay({
      fromMs: toMs - spanMs,
      toMs,
      palette: canvas.palette,
      read: async (page, fromMs, toMs) => {
        const cells = cellsOf(page);
        return cells === undefined ? undefined : readPageRecord(name, page, cells, { fromMs, toMs });
      },
      now: () => performance.now(),
      changed: () => canvas.draw(),
    });
    setAt(toMs);
    show(next);
  };
  const play = () => {
    if (replay && replay.atMs >= replay.toMs) seek(replay.fromMs);
    setPlaying(!isPlaying);
  };

  if (keptMs === 0) return null;
  if (!replay) {
    return (
      <div class="replay" translate={false} data-testid="replay">
        <button type="button" data-testid="replay-open" onClick={() => spans[0] && open(spans[0].ms)}>
          Replay
        </button>
        <span role="status">{hasFailed && RETRY_SAID}</span>
      </div>
    );
  }
  return (
    <fieldset class="replay" translate={false} aria-label="Replay" data-testid="replay">
      <button type="button" data-testid="replay-play" onClick={play}>
        {isPlaying ? "Pause" : "Play"}
      </button>
      <input
        type="range"
        min={0}
        max={STEPS}
        value={((atMs - replay.fromMs) / (replay.toMs - replay.fromMs)) * STEPS}
        aria-label="Time"
        aria-valuetext={clock.format(atMs)}
        data-testid="replay-time"
        onInput={(event) => {
          setPlaying(false);
          seek(replay.fromMs + (Number(event.currentTarget.value) / STEPS) * (replay.toMs - replay.fromMs));
        }}
      />
      <output>{clock.format(atMs)}</output>
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
      <button type="button" data-testid="replay-close" onClick={() => show(undefined)}>
        Back to now
      </button>
      <span role="status" class="replay-note" data-testid="replay-note">
        {hasFailed ? RETRY_SAID : isPart && "Zoom in to see pages as they were."}
      </span>
    </fieldset>
  );
}

/** Whether pages are in sight that are not replayed: they are too small, or too many. */
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
