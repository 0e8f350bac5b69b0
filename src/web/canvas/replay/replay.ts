/*
 * The board as it was: pictures of the pages in sight at one moment of their record. Records are
 * read in parts, for the moment that the user looks at and the time after it. A page is shown as
 * unknown until its part is there, and before its record begins.
 */

import { offsetOf, pageOf } from "../../../board/geometry.js";
import { PagePicture } from "../paint/page-picture.js";
import type { ShownPage } from "../paint/pages.js";
import type { Palette } from "../paint/palette.js";
import { type PageRecord, type Part, Track } from "./track.js";

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

interface Reading {
  readonly track: Track;
  /** The part that is shown. */
  shown: Part | undefined;
  isUnderWay: boolean;
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
  readonly #readings = new Map<number, Reading>();
  #wanted: readonly number[] = [];
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

  /** Whether all that is recorded of the moment is shown. */
  get isReady(): boolean {
    return this.#wanted.every((page) => this.#readings.get(page)?.track.isKnown(this.#atMs));
  }

  /** The moment until which nothing changes on the pages in sight, as far as that is known. */
  get quietUntilMs(): number {
    const until = this.#wanted.map((page) => this.#readings.get(page)?.track.quietUntil(this.#atMs) ?? this.#atMs);
    return Math.min(this.toMs, ...until);
  }

  /** Call it for each frame with the pages in sight, the most important first. */
  want(pages: readonly number[]): void {
    this.#wanted = pages.slice(0, REPLAYED_PAGES_MAX);
    for (const page of this.#wanted) {
      const reading = this.#readings.get(page) ?? {
        track: new Track(this.toMs),
        shown: undefined,
        isUnderWay: false,
        retryMs: 0,
      };
      // The map keeps the order of last use: the first is dropped first.
      this.#readings.delete(page);
      this.#readings.set(page, reading);
      this.#read(page, reading);
    }
    for (const page of this.#readings.keys()) {
      if (this.#readings.size <= REPLAYED_PAGES_MAX) break;
      this.#readings.delete(page);
      this.pages.delete(page);
    }
  }

  moveTo(ms: number): void {
    this.#atMs = Math.max(this.fromMs, Math.min(this.toMs, ms));
    for (const [page, reading] of this.#readings) this.#show(page, reading);
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

  #show(page: number, reading: Reading): void {
    const part = reading.track.at(this.#atMs);
    const before = this.pages.get(page);
    const isSame = part === reading.shown;
    reading.shown = part;
    if (!part) {
      this.pages.delete(page);
      return;
    }
    part.replay.moveTo(this.#atMs, (offset, value) => isSame && before?.picture.set(offset, value));
    if (isSame && before) return;
    const { bits } = part.replay;
    const picture = PagePicture.of(part.cells, bits, this.#palette, this.#options.across);
    // A page does not fade in again when its next part begins.
    this.pages.set(page, { picture, sinceMs: before?.sinceMs ?? performance.now() });
  }

  #read(page: number, reading: Reading): void {
    const { read, now, changed } = this.#options;
    if (reading.isUnderWay || now() < reading.retryMs) return;
    const missing = reading.track.missing(this.#atMs);
    if (!missing) return;
    reading.isUnderWay = true;
    read(page, missing.fromMs, missing.toMs)
      .then((record) => {
        if (record) reading.track.add(missing, record, this.#atMs);
        else reading.retryMs = now() + RETRY_MS;
      })
      .catch(() => {
        reading.retryMs = now() + RETRY_MS;
      })
      .finally(() => {
        reading.isUnderWay = false;
        if (this.#readings.get(page) !== reading) return;
        this.#show(page, reading);
        changed();
      });
  }
}
