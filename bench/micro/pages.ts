/* Deltas and snapshots to measure with, the same in every run. */

import type { Bit } from "../../src/board/bitmap.js";
import { type Delta, packChanges, type Snapshot } from "../../src/board/delta.js";
import { PAGE_CELLS } from "../../src/board/geometry.js";
import { GENESIS, type Position } from "../../src/board/position.js";
import { mulberry } from "../../test/support/random.js";

export function positionOf(version: number): Position {
  return version === 0 ? GENESIS : { version, tag: `t${String(version % 10_000_000).padStart(7, "0")}` };
}

/** From version to version + 1, `count` changes all over the page. */
export function deltaOf(count: number, version = 0, value?: Bit): Delta {
  const random = mulberry(count * 31 + version);
  const cells = new Set<number>();
  while (cells.size < count) cells.add(Math.floor(random() * PAGE_CELLS));
  const changes = packChanges([...cells].map((cell) => [cell, value ?? (random() < 0.5 ? 1 : 0)]));
  return { kind: "delta", page: 0, from: positionOf(version), to: positionOf(version + 1), changes };
}

/** A page with this share of its cells checked. */
export function snapshotOf(share: number): Snapshot {
  const random = mulberry(7);
  const bits = Uint8Array.from({ length: PAGE_CELLS / 8 }, () => {
    let byte = 0;
    for (let bit = 0; bit < 8; bit++) byte = byte * 2 + (random() < share ? 1 : 0);
    return byte;
  });
  return { kind: "snapshot", page: 0, position: positionOf(5), bits };
}
