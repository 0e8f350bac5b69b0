/*
 * The past of a board: a replay of a span of time, from the first change in sight, and what
 * happened in that time. Activity follows the view.
 */

import { useEffect } from "preact/hooks";
import type { Palette } from "../paint/palette.js";
import type { Activity } from "./playback.js";
import { readActivity, readPageRecord, readStoreMs } from "./recorded-pages.js";
import { REPLAYED_PAGES_MAX, Replay } from "./replay.js";
import { replaySpans } from "./spans.js";

export interface ReplayBoard {
  readonly palette: Palette;
  readonly viewport: { readonly plane: { readonly across: number } };
  readonly pages: { readonly inSight: readonly number[] };
  replay: Replay | undefined;
  draw(): void;
  on(event: "drawn", listener: () => void): () => void;
}

export interface PastOptions {
  readonly canvas: ReplayBoard;
  readonly name: string;
  readonly cellsOf: (page: number) => number | undefined;
}

export interface Past {
  readonly replay: Replay;
  readonly activity: Activity;
  /** Whether it is known that nothing in sight changed. */
  readonly isQuiet: boolean;
}

/** After the view has come to rest for this long, the activity of the pages in sight is read. */
const REST_MS = 500;
/** The slider begins a little before the first change, so that one sees what it changed. */
const LEAD_SHARE = 0.02;
const LEAD_MS_MIN = 1_000;

/** Opens the replay of the last `spanMs`. Undefined if the history is unavailable. */
export async function openPast(
  { canvas, name, cellsOf }: PastOptions,
  keptMs: number,
  spanMs = replaySpans(keptMs)[0]?.ms ?? keptMs,
): Promise<Past | undefined> {
  const toMs = await readStoreMs(name).catch(() => undefined);
  if (toMs === undefined) return undefined;
  const range = { fromMs: Math.max(0, toMs - spanMs), toMs };
  const happened = (await activityIn(canvas, name, range)) ?? unknownIn(range);
  const replay = new Replay({
    ...range,
    palette: canvas.palette,
    across: canvas.viewport.plane.across,
    read: async (page, fromMs, toMs) => {
      const cells = cellsOf(page);
      return cells === undefined ? undefined : readPageRecord(name, page, cells, { fromMs, toMs });
    },
    now: () => performance.now(),
    changed: () => canvas.draw(),
  });
  // Without changes, the board looked then as it does now.
  if (!happened.isQuiet) replay.moveTo(happened.activity.beginMs);
  return { replay, ...happened };
}

type Range = Pick<Replay, "fromMs" | "toMs">;
type Happened = Omit<Past, "replay">;

/** Undefined if unavailable. */
async function activityIn({ pages }: ReplayBoard, name: string, range: Range): Promise<Happened | undefined> {
  const inSight = pages.inSight.slice(0, REPLAYED_PAGES_MAX);
  if (inSight.length === 0) return unknownIn(range);
  const read = await readActivity(name, inSight, range).catch(() => undefined);
  if (!read) return undefined;
  if (read.counts.length === 0) return { ...unknownIn(range), isQuiet: true };
  const { toMs } = range;
  const leadMs = Math.max(LEAD_MS_MIN, (toMs - read.fromMs) * LEAD_SHARE);
  return {
    activity: { ...read, beginMs: Math.max(range.fromMs, Math.floor(read.fromMs - leadMs)), toMs },
    isQuiet: false,
  };
}

function unknownIn({ fromMs, toMs }: Range): Happened {
  return { activity: { beginMs: fromMs, fromMs, toMs, counts: [] }, isQuiet: false };
}

/** Reads the activity again when other pages have come into sight. */
export function useActivity(canvas: ReplayBoard, name: string, { replay }: Past, onPast: (past: Past) => void): void {
  useEffect(() => {
    let seen = keyOf(canvas);
    let timer: ReturnType<typeof setTimeout> | undefined;
    let isOver = false;
    const read = async () => {
      const happened = await activityIn(canvas, name, replay);
      if (happened && !isOver) onPast({ replay, ...happened });
    };
    const off = canvas.on("drawn", () => {
      const key = keyOf(canvas);
      if (key === seen) return;
      seen = key;
      clearTimeout(timer);
      timer = setTimeout(read, REST_MS);
    });
    return () => {
      isOver = true;
      clearTimeout(timer);
      off();
    };
  }, [canvas, name, replay]);
}

function keyOf({ pages }: ReplayBoard): string {
  return pages.inSight
    .slice(0, REPLAYED_PAGES_MAX)
    .toSorted((a, b) => a - b)
    .join();
}
