/*
 * Where things are happening: how much has changed on each page in the last few seconds. Heat
 * fades, and cold pages are dropped. Time comes from outside.
 */

import { pageOf } from "../../../board/geometry.js";

interface Warmth {
  heat: number;
  sinceMs: number;
  cell: number | undefined;
}

export interface ActivePage {
  readonly page: number;
  readonly heat: number;
  readonly cell: number | undefined;
}

const HALF_MS = 5_000;
const COLD = 0.02;
const PAGES_MAX = 4_096;

export class Activity {
  readonly #pages = new Map<number, Warmth>();

  addCell(cell: number, nowMs: number): void {
    this.add(pageOf(cell), 1, nowMs, cell);
  }

  /** Adds `cells` changed cells of a page. `cell` was the last of them, if known. */
  add(page: number, cells: number, nowMs: number, cell?: number): void {
    const warmth = this.#pages.get(page);
    if (!warmth && this.#pages.size >= PAGES_MAX) return;
    const heat = warmth ? decayed(warmth, nowMs) : 0;
    this.#pages.set(page, { heat: heat + cells, sinceMs: nowMs, cell: cell ?? warmth?.cell });
  }

  *all(nowMs: number): Iterable<ActivePage> {
    for (const [page, warmth] of this.#pages) yield { page, heat: decayed(warmth, nowMs), cell: warmth.cell };
  }

  warmest(count: number, nowMs: number): readonly ActivePage[] {
    return [...this.all(nowMs)].sort((a, b) => b.heat - a.heat || a.page - b.page).slice(0, count);
  }

  forget(nowMs: number): void {
    for (const [page, warmth] of this.#pages) if (decayed(warmth, nowMs) < COLD) this.#pages.delete(page);
  }
}

function decayed({ heat, sinceMs }: Warmth, nowMs: number): number {
  return heat * 0.5 ** ((nowMs - sinceMs) / HALF_MS);
}
