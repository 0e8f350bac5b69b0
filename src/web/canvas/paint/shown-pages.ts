/*
 * The pages that the canvas shows. It watches what the view needs and holds a picture of each
 * loaded page. Every change of the board updates pictures and densities.
 */

import { offsetOf, pageOf } from "../../../board/geometry.js";
import type { Plane } from "../../../board/plane.js";
import type { Board, CellChange } from "../../../client/index.js";
import { realClock } from "../../../protocol/clock.js";
import { Coarse } from "../held/coarse.js";
import { Densities } from "../held/densities.js";
import { PageKeeper } from "../held/page-keeper.js";
import type { Camera } from "../view/camera.js";
import { seenArea } from "../view/camera.js";
import { areaAhead, pagesIn, SEEN_PAGES_MAX, showsCells } from "../view/sight.js";
import type { Viewport } from "../view/viewport.js";
import { DensityMap, isCoarse } from "./density-map.js";
import { PagePicture } from "./page-picture.js";
import type { ShownPage } from "./pages.js";
import type { Palette } from "./palette.js";

interface ShownPagesListener {
  changed(): void;
  cellsChanged(changes: readonly CellChange[]): void;
  /** `cells` is how many cells changed on a page that is not loaded. */
  pageChanged(page: number, cells: number): void;
  /** Reads coarse pictures of pages that are not loaded: see Coarse. */
  readCoarse?(pages: readonly number[]): Promise<Uint8Array | undefined>;
}

const WATCHED_PAGES_MAX = SEEN_PAGES_MAX + 100;
/**
 * The most pages before the overview arrives or FIRST_MS pass. More would delay the first picture.
 */
const FIRST_PAGES_MAX = 2;
const FIRST_MS = 500;
/** The server also counts pages that this client is leaving, so part of the limit stays free. */
const LIMIT_SHARE = 0.75;

export class ShownPages {
  readonly densities: Densities;
  readonly pages = new Map<number, ShownPage>();
  /** The cell with the keyboard focus. Its page is always watched, wherever the view is. */
  focus: number | undefined;
  readonly #board: Board;
  readonly #plane: Plane;
  readonly #keeper: PageKeeper;
  readonly #pagesMax: number;
  readonly #listener: ShownPagesListener;
  readonly #off: (() => void)[];
  /** The pages of the user's own cells. */
  #ownPages: readonly number[] = [];
  #palette: Palette;
  readonly #coarse: Coarse;
  #map: DensityMap;
  #inSight: readonly number[] = [];
  /** The pages in sight that may be watched. */
  #awaited: readonly number[] = [];
  /** Pages that an undo needs, in sight or not. */
  #loading: { readonly pages: ReadonlySet<number>; readonly done: () => void } | undefined;
  #seen: Camera | undefined;
  #firstMs: number | undefined;
  /** Whether all in sight was loaded before. */
  #wasComplete = false;

  constructor(board: Board, plane: Plane, palette: Palette, listener: ShownPagesListener) {
    this.#board = board;
    this.#plane = plane;
    this.#palette = palette;
    this.#listener = listener;
    this.densities = new Densities(board, {
      changed: (pages) => {
        for (const page of pages) this.#update(page);
        listener.changed();
      },
      happened: (page, cells) => listener.pageChanged(page, cells),
    });
    this.#coarse = new Coarse({
      read: async (pages) => listener.readCoarse?.(pages),
      clock: realClock,
      changed: (page) => {
        this.#map.update(page);
        listener.changed();
      },
    });
    this.#map = this.#makeMap();
    const allowed = Math.ceil((board.limits?.watchedPagesMax ?? WATCHED_PAGES_MAX) * LIMIT_SHARE);
    this.#pagesMax = Math.min(WATCHED_PAGES_MAX, allowed);
    this.#keeper = new PageKeeper(board, this.#pagesMax, {
      loaded: (page) => this.#loaded(page),
      left: (page) => {
        this.pages.delete(page);
        this.densities.setLoaded(page, undefined);
        this.#update(page);
      },
    });
    this.#off = [
      board.on("change", (changes) => this.#apply(changes)),
      board.on("mine", () => {
        this.#ownPages = [...new Set(Array.from(board.mine.keys(), pageOf))];
      }),
    ];
  }

  get map(): DensityMap {
    return this.#map;
  }

  get inSight(): readonly number[] {
    return this.#inSight;
  }

  /** The user's own cells, on a board with claims. Their pages stay watched while there is room. */
  *own(): Iterable<number> {
    for (const cell of this.#board.mine.keys()) if (this.get(cell)) yield cell;
  }

  get isComplete(): boolean {
    return this.#seen !== undefined && this.#awaited.every((page) => this.pages.has(page));
  }

  /** Updates what is watched. Call it for each frame. */
  look({ camera, view, velocity }: Viewport, nowMs: number): void {
    const isSeen = showsCells(this.#plane, camera, view);
    const area = seenArea(camera, view);
    const ahead = isSeen ? pagesIn(this.#plane, areaAhead(area, velocity)) : [];
    this.#inSight = isSeen ? pagesIn(this.#plane, area) : [];
    const isAmong = new Set(this.#inSight);
    const focused = this.focus === undefined ? [] : [pageOf(this.focus)];
    const loading = this.#loading?.pages ?? [];
    const others = [...ahead, ...this.#ownPages].filter((page) => !isAmong.has(page));
    const wanted = [...loading, ...focused, ...this.#inSight, ...others];
    this.#awaited = wanted.slice(0, this.#pagesMax).filter((page) => isAmong.has(page));
    if (this.#firstMs === undefined) {
      this.#firstMs = nowMs;
      const over = () => {
        this.#firstMs = Number.NEGATIVE_INFINITY;
        this.#listener.changed();
      };
      this.#off.push(realClock.after(FIRST_MS, over));
    }
    const isFirst = !this.densities.isKnown && nowMs - this.#firstMs < FIRST_MS;
    this.#keeper.want(isFirst ? wanted.slice(0, FIRST_PAGES_MAX) : wanted, nowMs);
    if (this.#seen?.scale !== camera.scale) {
      const cellPx = camera.scale * view.density;
      for (const { picture } of this.pages.values()) if (picture.has(cellPx)) picture.keepOnly(cellPx);
    }
    this.#seen = camera;
    this.#wasComplete ||= this.isComplete;
  }

  get(cell: number): boolean | undefined {
    return this.pages.get(pageOf(cell))?.picture.get(offsetOf(cell));
  }

  load(pages: ReadonlySet<number>): Promise<void> {
    return new Promise((done) => {
      this.#loading = { pages, done };
      this.#checkLoading();
      this.#listener.changed();
    });
  }

  release(): void {
    this.#loading = undefined;
  }

  recolor(palette: Palette): void {
    this.#palette = palette;
    for (const [page, { picture, sinceMs }] of this.pages) {
      this.pages.set(page, { picture: picture.recolored(palette), sinceMs });
    }
    this.#map = this.#makeMap();
    this.#listener.changed();
  }

  close(): void {
    for (const off of this.#off) off();
    this.#keeper.close();
    this.densities.close();
    this.#coarse.close();
  }

  #makeMap(): DensityMap {
    return new DensityMap(this.#plane, this.#palette, {
      shareOf: (page) => this.densities.shareOf(page),
      coarseOf: (page) => this.pages.get(page)?.picture.blocks ?? this.#coarse.of(page),
    });
  }

  /** The page's count has changed, or whether it is loaded. */
  #update(page: number): void {
    this.#map.update(page);
    if (this.pages.has(page) || !this.densities.shareOf(page)) this.#coarse.forget(page);
    else if (isCoarse(this.#plane) && this.#listener.readCoarse) this.#coarse.want(page);
  }

  #loaded(page: number): void {
    const bits = this.#board.bitsOf(page);
    const cells = this.#board.cellsOf(page);
    if (!bits || cells === undefined) return;
    const picture = PagePicture.of(cells, bits, this.#palette, this.#plane.across);
    // Only what replaces a density fades in. At first there is none.
    this.pages.set(page, { picture, sinceMs: this.#wasComplete ? performance.now() : Number.NEGATIVE_INFINITY });
    this.#count(page, picture);
    this.#checkLoading();
    this.#listener.changed();
  }

  #checkLoading(): void {
    const loading = this.#loading;
    if (loading && [...loading.pages].every((page) => this.pages.has(page))) loading.done();
  }

  #apply(changes: readonly CellChange[]): void {
    const touched = new Map<number, PagePicture>();
    const applied: CellChange[] = [];
    for (const change of changes) {
      const page = pageOf(change.cell);
      const shown = this.pages.get(page);
      if (!shown) continue;
      shown.picture.set(offsetOf(change.cell), change.value);
      touched.set(page, shown.picture);
      applied.push(change);
    }
    for (const [page, picture] of touched) this.#count(page, picture);
    if (applied.length === 0) return;
    this.#listener.cellsChanged(applied);
    this.#listener.changed();
  }

  #count(page: number, picture: PagePicture): void {
    this.densities.setLoaded(page, picture.checked);
    this.#update(page);
  }
}
