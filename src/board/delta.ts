/*
 * Deltas and snapshots: the two updates that a replica receives.
 *
 * A change is packed into a number, `offset << 1 | value`, so sorting the numbers sorts the cells.
 * A delta's changes are sorted and name each offset at most once.
 */

import { type Bit, bitmapBytes } from "./bitmap.js";
import { type Position, samePosition } from "./position.js";

export type Changes = Uint32Array;

/** The committed changes that took a page from one position to a later one. */
export interface Delta {
  readonly kind: "delta";
  readonly page: number;
  readonly from: Position;
  readonly to: Position;
  readonly changes: Changes;
}

/** All bits of a page at one position. */
export interface Snapshot {
  readonly kind: "snapshot";
  readonly page: number;
  readonly position: Position;
  /** The page's bitmap; zero bytes at the end may be missing. */
  readonly bits: Uint8Array;
}

export function packChange(offset: number, value: Bit): number {
  return offset * 2 + value;
}

export function changedOffset(change: number): number {
  return change >>> 1;
}

export function changedValue(change: number): Bit {
  return change & 1 ? 1 : 0;
}

/** Packs changes. If several change one cell, the last wins. */
export function packChanges(changes: Iterable<readonly [offset: number, value: Bit]>): Changes {
  const only = Array.isArray(changes) && changes.length === 1 ? changes[0] : undefined;
  // A click: most writes have one change.
  if (only) return Uint32Array.of(packChange(only[0], only[1]));
  const last = new Map<number, number>();
  for (const [offset, value] of changes) last.set(offset, packChange(offset, value));
  return Uint32Array.from(last.values()).sort();
}

/** One delta with the effect of all `deltas`, which must be consecutive. */
export function mergeDeltas(deltas: readonly Delta[]): Delta | undefined {
  const first = deltas[0];
  const final = deltas.at(-1);
  if (!first || !final || first === final) return first;
  const last = new Map<number, number>();
  let at = first.from;
  for (const delta of deltas) {
    if (!samePosition(delta.from, at)) throw new Error(`deltas of page ${first.page} are not consecutive`);
    for (const change of delta.changes) last.set(change >>> 1, change);
    at = delta.to;
  }
  return {
    kind: "delta",
    page: first.page,
    from: first.from,
    to: final.to,
    changes: Uint32Array.from(last.values()).sort(),
  };
}

/**
 * The update without the cells past the end of a page of `cells` cells. The store does not know the
 * sizes of boards. It still holds those cells if the board was once larger.
 */
export function cropUpdate<Update extends Delta | Snapshot>(update: Update, cells: number): Update {
  if (update.kind === "delta") {
    const last = update.changes.at(-1);
    if (last === undefined || changedOffset(last) < cells) return update;
    return { ...update, changes: update.changes.filter((change) => changedOffset(change) < cells) };
  }
  const length = bitmapBytes(cells);
  if (update.bits.length < length) return update;
  const bits = update.bits.slice(0, length);
  if (cells % 8) bits[length - 1] = (bits[length - 1] ?? 0) & (0xff00 >>> (cells % 8));
  return { ...update, bits };
}
