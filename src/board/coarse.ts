/*
 * A page as a coarse picture. It has 16 × 16 blocks, each of 16 × 16 cells, and counts the checked
 * cells of each. A row of the page has 256 cells. Pure.
 */

import { PAGE_SIDE } from "./plane.js";

/** Blocks in a row and in a column of a page. */
export const COARSE_SIDE = 16;
/** A block takes a byte: 0 is empty, and 255 stands for 255 and for all 256 cells. */
export const COARSE_BYTES = COARSE_SIDE * COARSE_SIDE;

const ROW_BYTES = PAGE_SIDE / 8;
const BLOCK_ROW_BYTES = ROW_BYTES / COARSE_SIDE;
const BLOCK_ROWS = ROW_BYTES * COARSE_SIDE;

/** `bits` may end before the page does. */
export function coarseOf(bits: Uint8Array): Uint8Array {
  return Uint8Array.from(blockCounts(bits), (count) => Math.min(255, count));
}

/** The block of a cell, given by its place in the page. */
export function blockOf(place: number): number {
  return (place >> 12) * COARSE_SIDE + ((place & 255) >> 4);
}

/** Checked cells of each block, 0 … 256. */
export function blockCounts(bits: Uint8Array): Uint16Array {
  const blocks = new Uint16Array(COARSE_BYTES);
  for (let at = 0; at < bits.length; at++) {
    let byte = bits[at] ?? 0;
    if (byte === 0) continue;
    const block = Math.floor(at / BLOCK_ROWS) * COARSE_SIDE + Math.floor((at % ROW_BYTES) / BLOCK_ROW_BYTES);
    let count = blocks[block] ?? 0;
    for (; byte; byte &= byte - 1) count++;
    blocks[block] = count;
  }
  return blocks;
}
