/*
 * The board as it was, in place of the board as it is: pictures of the pages in sight at one moment of their record. Pages that
 * come into sight meanwhile are read too. What is recorded, and for how long, is the server's to say.
 */

import { countBits } from "../../board/bitmap.js";
import { offsetOf, pageOf } from "../../board/geometry.js";
import { PagePicture } from "./page-picture.js";
import { PageReplay, type RecordedChanges } from "./page-replay.js";
import type { ShownPage } from "./paint-pages.js";
import type { Palette } from "./palette.js";

export interface PageRecord {
  readonly cells: number;
  /** The page's bits at the beginning. */
  readonly start: Uint8Array;
  readonly record: readonly RecordedChanges[];
}

export interface ReplayOptions {
  readonly fromMs: number;
  readonly toMs: number;
  readonly palette: Palette;
  /** The page's record of that time, or undefined where there is none. */
  readonly read: (page: number, fromMs: number, toMs: number) => Promise<PageRecord | undefined>;
  /** Something looks different. */
  readonly changed: () => void;
}

const PAGES_MAX = 64;

export class Replay {
  readonly pages = new Map<number, ShownPage>();
  readonly #options: ReplayOptions;
  readonly #asked = new Set<number>();
  readonly #replayed = new Map<number, PageReplay>();
  #palette: Palette;
  #atMs: number;

  constructor(options: ReplayOptions) {
    this.#options = options;
    this.#palette = options.palette;
    this.#atMs = options.toMs;
  }

  get fromMs(): number {
    return this.#options.fromMs;
  }

  get toMs(): number {
    return this.#options.toMs;
  }

  get atMs(): number {
    return this.#atMs;
  }

  want(pages: readonly number[]): void {
    for (const page of pages) {
      if (this.#asked.has(page) || this.#asked.size >= PAGES_MAX) continue;
      this.#asked.add(page);
      void this.#add(page);
    }
  }

  moveTo(ms: number): void {
    this.#atMs = Math.max(this.fromMs, Math.min(this.toMs, ms));
    for (const [page, replay] of this.#replayed) {
      const picture = this.pages.get(page)?.picture;
      replay.moveTo(this.#atMs, (offset, value) => picture?.set(offset, value));
    }
    this.#options.changed();
  }

  /** What the cell was at that moment, or undefined where it is not known. */
  get(cell: number): boolean | undefined {
    return this.pages.get(pageOf(cell))?.picture.get(offsetOf(cell));
  }

  recolor(palette: Palette): void {
    this.#palette = palette;
    for (const [page, { picture, sinceMs }] of this.pages) {
      this.pages.set(page, { picture: picture.recolored(palette), sinceMs });
    }
  }

  async #add(page: number): Promise<void> {
    const { fromMs, toMs, read, changed } = this.#options;
    const record = await read(page, fromMs, toMs).catch(() => undefined);
    if (!record) return;
    const replay = new PageReplay(record.start, record.record);
    replay.moveTo(this.#atMs, () => undefined);
    const { bits } = replay;
    const picture = new PagePicture(record.cells, bits, countBits(bits), this.#palette);
    this.#replayed.set(page, replay);
    this.pages.set(page, { picture, sinceMs: performance.now() });
    changed();
  }
}
