/*
 * A place of a board as a link: `#cell=123456&zoom=24`, a checkbox and, on the canvas, where it is the one in the middle, how
 * many CSS pixels a checkbox is wide. Pure.
 */

export interface LinkedPlace {
  readonly cell: number;
  /** CSS pixels of a cell's side; undefined where the link leaves it open. */
  readonly scale: number | undefined;
}

/** CSS pixels of a cell's side at the most, on the canvas. */
export const SCALE_MAX = 80;
const DIGITS = 4;

export function formatPlace(cell: number, scale?: number): string {
  return scale === undefined ? `#cell=${cell}` : `#cell=${cell}&zoom=${Number(scale.toPrecision(DIGITS))}`;
}

/** The place a link names on a board of `size` cells, or undefined if it names none. */
export function parsePlace(hash: string, size: number): LinkedPlace | undefined {
  const parameters = new URLSearchParams(hash.replace(/^#/, ""));
  const digits = parameters.get("cell") ?? "";
  const cell = /^\d{1,10}$/.test(digits) ? Number(digits) : Number.NaN;
  if (!(cell < size)) return undefined;
  const zoom = Number(parameters.get("zoom") ?? Number.NaN);
  return { cell, scale: zoom > 0 ? Math.min(SCALE_MAX, zoom) : undefined };
}
