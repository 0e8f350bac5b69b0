/*
 * The board as it was: pictures of the pages in sight at one moment of their record. Each page's
 * record is read from its end, part by part, as far back as the user looks. Before that it is shown
 * as unknown.
 */

import { offsetOf, pageOf } from "../../../board/geometry.js";
import { PagePicture } from "../paint/page-picture.js";
import type { ShownPage } from "../paint/pages.js";
import type { Palette } from "../paint/palette.js";
import { PageReplay, type RecordedChanges } from "./page-replay.js";

export interface PageRecord {
  readonly cells: number;
  /**
   * Where the record starts: as requested, or later. All times are the store's, in ms since 1970.
   */
  readonly fromMs: number;
  readonly start: Uint8Array;
  readonly record: readonly RecordedChanges[];
}

interface ReplayOptions {
  readonly fromMs: number;
  readonly toMs: number;
  readonly palette: Palette;
  /** Cells in a row of a page. */
  readonly across: number;
  /** Reads the page's record of that time, or its last part; undefined if unavailable. */
  readonly read: (page: number, fromMs: number, toMs: number) => Promise<PageRecord | undefined>;
  /** This computer's clock, for the pause after a failure. */
  readonly now: () => number;
  readonly changed: () => void;
}

interface Track {
  known: { readonly fromMs: number; readonly cells: number; readonly replay: PageReplay; isWhole: boolean } | undefined;
  isReading: boolean;
  retryMs: number;
}

/** The most pages replayed together: those nearest to the middle. */
export const REPLAYED_PAGES_MAX = 64;
const RETRY_MS = 2_000;

export class Replay {
  readonly fromMs: number;
  readonly toMs: number;
  readonly pages = new Map<number, ShownPage>();
  readonly #options: ReplayOptions;
  readonly #tracks = new Map<number, Track>();
  #palette: Palette;
  #atMs: number;

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.fromMs = options.fromMs;
    this.toMs = options.toMs;
    this.#palette = options.palette;
    this.#atMs = options.toMs;
  }

  get atMs(): number {
    return this.#atMs;
  }

  /** Call it for each frame with the pages in sight, the most important first. */
  want(pages: readonly number[]): void {
    const wanted = pages.slice(0, REPLAYED_PAGES_MAX);
    for (const page of wanted) {
      const track = this.#tracks.get(page) ?? { known: undefined, isReading: false, retryMs: 0 };
      // The map keeps the order of last use: the first is dropped first.
      this.#tracks.delete(page);
      this.#tracks.set(page, track);
      if (!this.#isKnown(track) && !track.known?.isWhole) this.#read(page, track);
    }
    for (const page of this.#tracks.keys()) {
      if (this.#tracks.size <= REPLAYED_PAGES_MAX) break;
      this.#tracks.delete(page);
      this.pages.delete(page);
    }
  }

  moveTo(ms: number): void {
    this.#atMs = Math.max(this.fromMs, Math.min(this.toMs, ms));
    for (const [page, track] of this.#tracks) this.#show(page, track);
    this.#options.changed();
  }

  get(cell: number): boolean | undefined {
    return this.pages.get(pageOf(cell))?.picture.get(offsetOf(cell));
  }

  recolor(palette: Palette): void {
    this.#palette = palette;
    for (const [page, { picture, sinceMs }] of this.pages) {
      this.pages.set(page, { picture: picture.recolored(palette), sinceMs });
    }
  }

  #isKnown({ known }: Track): boolean {
    return known !== undefined && known.fromMs <= this.#atMs;
  }

  #show(page: number, track: Track): void {
    const { known } = track;
    if (!known || !this.#isKnown(track)) {
      this.pages.delete(page);
      return;
    }
    const shown = this.pages.get(page);
    known.replay.moveTo(this.#atMs, (offset, value) => shown?.picture.set(offset, value));
    if (shown) return;
    const { bits } = known.replay;
    const picture = PagePicture.of(known.cells, bits, this.#palette, this.#options.across);
    this.pages.set(page, { picture, sinceMs: performance.now() });
  }

  #read(page: number, track: Track): void {
    const { fromMs, toMs, read, now, changed } = this.#options;
    if (track.isReading || now() < track.retryMs) return;
    track.isReading = true;
    const { known } = track;
    read(page, fromMs, known?.fromMs ?? toMs)
      .then((part) => {
        if (part) track.known = joined(part, known, fromMs);
        else track.retryMs = now() + RETRY_MS;
      })
      .catch(() => {
        track.retryMs = now() + RETRY_MS;
      })
      .finally(() => {
        track.isReading = false;
        if (this.#tracks.get(page) !== track) return;
        this.pages.delete(page);
        this.#show(page, track);
        changed();
      });
  }
}

/** Both parts may hold the deltas of the moment where they meet, which does no harm. */
function joined(part: PageRecord, known: Track["known"], wantedMs: number): Track["known"] {
  const isNoEarlier = known !== undefined && part.fromMs >= known.fromMs;
  if (isNoEarlier) return { ...known, isWhole: true };
  const record = [...part.record, ...(known?.replay.record ?? [])];
  const replay = new PageReplay(part.start, record);
  return { fromMs: part.fromMs, cells: part.cells, replay, isWhole: part.fromMs <= wantedMs };
}
