/*
 * One page as pictures with sides of 256, 128, 64 and 32 pixels. At any zoom one of them is about
 * as fine as the screen, and drawing it costs no more than its pixels.
 *
 * Each row of cells takes 256 bits, also on a small board with shorter rows. A place is a bit among
 * them.
 *
 * A picture is made when it is first drawn. Later, a changed cell changes one pixel of each
 * existing picture. The changed rows go to the canvas together, when the picture is drawn again.
 */

import { countBits, getBit, setBit } from "../../../board/bitmap.js";
import { blockCounts, blockOf } from "../../../board/coarse.js";
import { PAGE_CELLS } from "../../../board/geometry.js";
import { PAGE_SIDE } from "../../../board/plane.js";
import { contextOf } from "./context.js";
import type { Palette } from "./palette.js";

const LEVELS = 4;
/** Below 1, so that a few checked cells among many stay visible. */
const RAMP_POWER = 0.45;

interface Level {
  readonly canvas: OffscreenCanvas;
  readonly image: ImageData;
  readonly pixels: Uint32Array;
  /** Checked cells under each pixel. */
  readonly counts: Uint8Array;
  readonly ramp: Uint32Array;
  /** Rows that the canvas does not have yet. */
  stale: { from: number; to: number };
}

export class PagePicture {
  readonly cells: number;
  readonly #across: number;
  /** By place. */
  readonly #bits: Uint8Array;
  readonly #palette: Palette;
  readonly #levels: (Level | undefined)[] = [];
  #checked = 0;
  #blocks: Uint16Array | undefined;

  private constructor(cells: number, bits: Uint8Array, checked: number, palette: Palette, across: number) {
    this.cells = cells;
    this.#across = across;
    this.#bits = bits;
    this.#checked = checked;
    this.#palette = palette;
  }

  /** The picture owns `bits` from now on. `across` is the cells of a row. */
  static of(cells: number, bits: Uint8Array, palette: Palette, across: number): PagePicture {
    const spread = across === PAGE_SIDE ? bits : spreadOut(cells, bits, across);
    return new PagePicture(cells, spread, countBits(bits), palette, across);
  }

  get checked(): number {
    return this.#checked;
  }

  /** Checked cells of each block of the coarse picture. Counted once, and kept up to date. */
  get blocks(): Uint16Array {
    this.#blocks ??= blockCounts(this.#bits);
    return this.#blocks;
  }

  get(offset: number): boolean {
    return getBit(this.#bits, this.#placeOf(offset)) === 1;
  }

  /** The cell at a place; undefined if there is none. */
  offsetAt(place: number): number | undefined {
    const column = place % PAGE_SIDE;
    const offset = Math.floor(place / PAGE_SIDE) * this.#across + column;
    return column < this.#across && offset < this.cells ? offset : undefined;
  }

  /** Eight places in a row, the first in the highest bit. `place` must be a multiple of 8. */
  byteAt(place: number): number {
    return this.#bits[place >> 3] ?? 0;
  }

  set(offset: number, value: boolean): void {
    const place = this.#placeOf(offset);
    if (!setBit(this.#bits, place, value ? 1 : 0)) return;
    const by = value ? 1 : -1;
    this.#checked += by;
    const blocks = this.#blocks;
    if (blocks) blocks[blockOf(place)] = (blocks[blockOf(place)] ?? 0) + by;
    for (const [number, level] of this.#levels.entries()) {
      if (!level) continue;
      const row = (place >> 8) >> number;
      const index = row * (PAGE_SIDE >> number) + ((place & 255) >> number);
      const count = (level.counts[index] ?? 0) + by;
      level.counts[index] = count;
      level.pixels[index] = level.ramp[count] ?? 0;
      const { stale } = level;
      stale.from = Math.min(stale.from, row);
      stale.to = Math.max(stale.to, row + 1);
    }
  }

  recolored(palette: Palette): PagePicture {
    return new PagePicture(this.cells, this.#bits, this.#checked, palette, this.#across);
  }

  /** No picture has been made yet. */
  get isEmpty(): boolean {
    return !this.#levels.some((made) => made);
  }

  has(cellPx: number): boolean {
    return this.#levels[levelFor(cellPx)] !== undefined;
  }

  /** The picture for this cell size, made if `mayMake`; otherwise any that exists. */
  imageFor(cellPx: number, mayMake: boolean): OffscreenCanvas | undefined {
    const wanted = levelFor(cellPx);
    const level = this.#levels[wanted] ?? (mayMake ? this.#make(wanted) : this.#levels.find((made) => made));
    if (!level) return undefined;
    const { from, to } = level.stale;
    if (from < to) {
      const side = level.canvas.width;
      contextOf(level.canvas).putImageData(level.image, 0, 0, 0, from, side, to - from);
      level.stale = { from: PAGE_SIDE, to: 0 };
    }
    return level.canvas;
  }

  keepOnly(cellPx: number): void {
    const kept = levelFor(cellPx);
    for (const number of this.#levels.keys()) if (number !== kept) this.#levels[number] = undefined;
  }

  #placeOf(offset: number): number {
    return placeIn(this.#across, offset);
  }

  #make(number: number): Level {
    const side = PAGE_SIDE >> number;
    const canvas = new OffscreenCanvas(side, side);
    const image = new ImageData(side, side);
    const pixels = new Uint32Array(image.data.buffer);
    const counts = new Uint8Array(side * side);
    for (let at = 0; at < this.#bits.length; at++) {
      let byte = this.#bits[at] ?? 0;
      for (let place = at * 8; byte; place++, byte = (byte << 1) & 255) {
        if (byte & 128) {
          const index = ((place >> 8) >> number) * side + ((place & 255) >> number);
          counts[index] = (counts[index] ?? 0) + 1;
        }
      }
    }
    const ramp = this.#palette.ramp(4 ** number, RAMP_POWER);
    if (this.cells === PAGE_CELLS) for (let at = 0; at < counts.length; at++) pixels[at] = ramp[counts[at] ?? 0] ?? 0;
    // Nothing is drawn after the last cell.
    for (let index = 0; this.cells < PAGE_CELLS && index < counts.length; index++) {
      const first = Math.floor(index / side) * (PAGE_SIDE << number) + ((index % side) << number);
      if (this.offsetAt(first) !== undefined) pixels[index] = ramp[counts[index] ?? 0] ?? 0;
    }
    const level = { canvas, image, pixels, counts, ramp, stale: { from: 0, to: side } };
    this.#levels[number] = level;
    return level;
  }
}

function placeIn(across: number, offset: number): number {
  return across === PAGE_SIDE ? offset : Math.floor(offset / across) * PAGE_SIDE + (offset % across);
}

function spreadOut(cells: number, bits: Uint8Array, across: number): Uint8Array {
  const places = new Uint8Array(PAGE_CELLS / 8);
  for (let offset = 0; offset < cells; offset++) if (getBit(bits, offset)) setBit(places, placeIn(across, offset), 1);
  return places;
}

/** The coarsest picture whose pixels are not much larger than the screen's. */
function levelFor(cellPx: number): number {
  return Math.max(0, Math.min(LEVELS - 1, Math.floor(Math.log2(1 / cellPx) + 0.4)));
}
