/*
 * The coarse picture of a board, for link previews: the sign of the app, and beside it the boxes.
 * They lie as in the app. Boxes of ten pixels look like checkboxes, smaller ones like
 * squares. If several share a pixel, it shows the root of their density, so that few show. Pure.
 */

import { getBit } from "../../../board/bitmap.js";
import { cellsInPage } from "../../../board/geometry.js";
import { PAGE_SIDE, type Plane, placeOfPage, planeOf } from "../../../board/plane.js";
import { type Colour, encodePng, type Picture } from "./png.js";

export const SIZE = { width: 1_200, height: 630 };

/** The colours of src/web/styles/theme.css in the light scheme. */
const GROUND: Colour = [0xf4, 0xf5, 0xf3];
const SURFACE: Colour = [0xff, 0xff, 0xff];
const EDGE: Colour = [0x81, 0x8f, 0x89];
const ACCENT: Colour = [0x0d, 0x7a, 0x70];

/** Steps of each ramp in the palette, from its first colour to its last. */
const STEPS = 16;
const LAST = STEPS - 1;
/** Where each ramp begins. */
const RAMP = { density: 0, ground: STEPS, edge: 2 * STEPS, check: 3 * STEPS };
const PALETTE: readonly Colour[] = [
  [SURFACE, ACCENT],
  [GROUND, ACCENT],
  [SURFACE, EDGE],
  [ACCENT, SURFACE],
].flatMap(([from = GROUND, to = GROUND]) => {
  return Array.from({ length: STEPS }, (_, step) => mix(from, to, step / LAST));
});

const SIGN = { x: 110, y: 205, side: 220 };
const FRAME = { x: 440, y: 40, width: 720, height: 550 };
const PADDING = 12;
/** Pixels from one box to the next from which a box is drawn as a checkbox, and as a square. */
const CHECKBOX_MIN = 10;
const SQUARE_MIN = 3;
/** Shows an unchecked box that is only a square. */
const UNCHECKED_STEP = 2;
/** Lines of the check, in a box of 28 units: from x, y to x, y. */
const CHECK: readonly (readonly [number, number, number, number])[] = [
  [7.5, 14.5, 12, 19],
  [12, 19, 20.5, 9],
];

/** Where things lie: columns and rows of cells or, on a giant board, of pages. */
export interface Layout {
  readonly columns: number;
  readonly rows: number;
}

export function layoutOfPages(size: number): Layout {
  const { pageColumns, pageRows } = planeOf(size);
  return { columns: pageColumns, rows: pageRows };
}

export class BoardPicture {
  readonly #pixels = new Uint8Array(SIZE.width * SIZE.height).fill(RAMP.ground);
  readonly #plane: Plane;
  /** Pixels from one place to the next. */
  readonly #pitch: number;
  readonly #left: number;
  readonly #top: number;
  /** An unchecked and a checked checkbox, once they are needed. */
  readonly #stamps: Stamp[] = [];
  /** Cells, and checked ones, of each pixel of the board. Only if several share a pixel. */
  readonly #density: { readonly width: number; readonly all: Uint32Array; readonly checked: Uint32Array } | undefined;

  constructor(size: number, layout: Layout) {
    this.#plane = planeOf(size);
    const room = { width: FRAME.width - 2 * PADDING, height: FRAME.height - 2 * PADDING };
    const fit = Math.min(room.width / layout.columns, room.height / layout.rows);
    this.#pitch = fit < 1 ? fit : Math.floor(fit);
    const width = Math.ceil(layout.columns * this.#pitch);
    const height = Math.ceil(layout.rows * this.#pitch);
    this.#left = FRAME.x + Math.floor((FRAME.width - width) / 2);
    this.#top = FRAME.y + Math.floor((FRAME.height - height) / 2);
    if (fit < 1)
      this.#density = { width, all: new Uint32Array(width * height), checked: new Uint32Array(width * height) };
    this.#draw(markOf(SIGN.side, RAMP.ground), SIGN.x, SIGN.y);
    const frame = boxOf(width + 2 * PADDING, height + 2 * PADDING, PADDING, (inside, edge) => {
      return inside < 0.5 ? RAMP.ground : RAMP.edge + Math.round(LAST * edge * 0.5);
    });
    this.#draw(frame, this.#left - PADDING, this.#top - PADDING);
  }

  /** Draws the cells of a page from its bits. */
  drawCells(page: number, bits: Uint8Array): void {
    const { size, across } = this.#plane;
    const cells = cellsInPage(size, page);
    const place = placeOfPage(page);
    for (let start = 0, y = place.y * PAGE_SIDE; start < cells; start += across, y++) {
      const end = Math.min(cells, start + across);
      for (let offset = start, x = place.x * PAGE_SIDE; offset < end; offset++, x++) {
        this.#cell(x, y, getBit(bits, offset));
      }
    }
  }

  /** Draws a page as a whole. Even one checked cell among thousands shows. */
  drawCount(page: number, checked: number): void {
    const { x, y } = placeOfPage(page);
    const share = Math.sqrt(checked / cellsInPage(this.#plane.size, page));
    this.#fill(x, y, checked === 0 ? 0 : Math.max(1, Math.round(share * LAST)));
  }

  encode(): Promise<Buffer> {
    this.#drawDensity();
    const picture: Picture = { ...SIZE, palette: PALETTE, pixels: this.#pixels };
    return encodePng(picture);
  }

  /** `value` is 1 for a checked cell, otherwise 0. */
  #cell(x: number, y: number, value: number): void {
    if (this.#density) {
      const { width, all, checked } = this.#density;
      const at = Math.floor(y * this.#pitch) * width + Math.floor(x * this.#pitch);
      all[at] = (all[at] ?? 0) + 1;
      checked[at] = (checked[at] ?? 0) + value;
    } else if (this.#pitch < CHECKBOX_MIN) this.#fill(x, y, value === 1 ? LAST : UNCHECKED_STEP);
    else {
      const stamp = this.#stamps[value] ?? this.#stampOf(value);
      this.#stamps[value] = stamp;
      const gap = (this.#pitch - stamp.width) >> 1;
      this.#draw(stamp, this.#left + x * this.#pitch + gap, this.#top + y * this.#pitch + gap);
    }
  }

  /** A checkbox of the size that fits. */
  #stampOf(value: number): Stamp {
    const side = this.#pitch - Math.max(2, Math.round(this.#pitch * 0.14));
    if (value === 1) return markOf(side, RAMP.density);
    return boxOf(side, side, side * 0.2, (inside, edge) => RAMP.edge + Math.round(LAST * inside * edge));
  }

  /** A square of the colour that shows this density, from 0 to LAST. */
  #fill(x: number, y: number, step: number): void {
    const side = this.#pitch >= SQUARE_MIN ? this.#pitch - 1 : this.#pitch;
    for (let row = 0; row < side; row++) {
      const from = this.#at(this.#left + x * this.#pitch, this.#top + y * this.#pitch + row);
      this.#pixels.fill(RAMP.density + step, from, from + side);
    }
  }

  #drawDensity(): void {
    if (!this.#density) return;
    const { width, all, checked } = this.#density;
    for (const [index, cells] of all.entries()) {
      const some = checked[index] ?? 0;
      const step = some === 0 ? 0 : Math.max(1, Math.round(Math.sqrt(some / cells) * LAST));
      if (cells > 0) this.#pixels[this.#at(this.#left + (index % width), this.#top + Math.floor(index / width))] = step;
    }
  }

  #draw({ width, pixels }: Stamp, left: number, top: number): void {
    for (let from = 0, y = top; from < pixels.length; from += width, y++) {
      this.#pixels.set(pixels.subarray(from, from + width), this.#at(left, y));
    }
  }

  #at(x: number, y: number): number {
    return y * SIZE.width + x;
  }
}

/** A small picture, drawn once and set as often as needed. */
interface Stamp {
  readonly width: number;
  readonly pixels: Uint8Array;
}

/** A checked box, as in src/web/public/favicon.svg, over the first colour of the ramp. */
function markOf(side: number, ramp: number): Stamp {
  const unit = side / 28;
  return boxOf(side, side, 7 * unit, (inside, _, x, y) => {
    const away = Math.min(...CHECK.map((line) => distanceTo(line, x / unit, y / unit))) * unit;
    const stroke = clamp(1.75 * unit - away + 0.5);
    return stroke > 0 ? RAMP.check + Math.round(LAST * stroke) : ramp + Math.round(LAST * inside);
  });
}

/**
 * A rectangle with round corners. `colour` gets the share of the pixel that is inside, the share of
 * the edge in it, and its place in the rectangle.
 */
function boxOf(
  width: number,
  height: number,
  radius: number,
  colour: (inside: number, edge: number, x: number, y: number) => number,
): Stamp {
  const pixels = new Uint8Array(width * height);
  const thickness = Math.min(2, Math.max(1, Math.min(width, height) * 0.06));
  for (let row = 0; row < height; row++) {
    const y = row + 0.5;
    const down = Math.max(0, Math.abs(y - height / 2) - height / 2 + radius);
    for (let column = 0; column < width; column++) {
      const x = column + 0.5;
      const across = Math.max(0, Math.abs(x - width / 2) - width / 2 + radius);
      const depth = radius - (down > 0 && across > 0 ? Math.sqrt(across ** 2 + down ** 2) : Math.max(across, down));
      pixels[row * width + column] = colour(clamp(depth + 0.5), clamp(thickness - depth + 0.5), x, y);
    }
  }
  return { width, pixels };
}

function distanceTo([x1, y1, x2, y2]: readonly [number, number, number, number], x: number, y: number): number {
  const [dx, dy] = [x2 - x1, y2 - y1];
  const along = clamp(((x - x1) * dx + (y - y1) * dy) / (dx * dx + dy * dy));
  return Math.sqrt((x - x1 - along * dx) ** 2 + (y - y1 - along * dy) ** 2);
}

function clamp(share: number): number {
  return Math.min(1, Math.max(0, share));
}

function mix(from: Colour, to: Colour, share: number): Colour {
  const [red, green, blue] = from.map((value, index) => Math.round(value + ((to[index] ?? value) - value) * share));
  return [red ?? 0, green ?? 0, blue ?? 0];
}
