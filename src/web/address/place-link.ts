/*
 * A place of a board as a link: `#cell=123456&zoom=24`. On the canvas the cell is the one in the
 * middle, and the zoom is its width in CSS pixels. Pure.
 */

/** The largest scale of the canvas, in CSS pixels of a cell's side. */
export const SCALE_MAX = 80;
const DIGITS = 4;

export function formatPlace(cell: number, scale?: number): string {
  return scale === undefined ? `#cell=${cell}` : `#cell=${cell}&zoom=${Number(scale.toPrecision(DIGITS))}`;
}

/** Undefined if the link does not name a place on a board of `size` cells. */
export function parsePlace(hash: string, size: number) {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  const digits = parameters.get("cell") ?? "";
  const cell = /^\d{1,10}$/.test(digits) ? Number(digits) : Number.NaN;
  if (!(cell < size)) return undefined;
  const zoom = Number(parameters.get("zoom") ?? Number.NaN);
  return { cell, scale: zoom > 0 ? Math.min(SCALE_MAX, zoom) : undefined };
}
