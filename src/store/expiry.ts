/* The batch that ends holds. */

import { packChanges } from "../board/delta.js";
import type { Batch, Committed, Write } from "./store.js";
import { newTag } from "./tag.js";

/** A batch that unchecks cells whose holds have ended. Refused if one of them has not. */
export function expiry(offsets: readonly number[]): Batch {
  const changes = packChanges(offsets.map((offset) => [offset, 0] as const));
  const write: Write = { session: "", seq: 1, changes, act: { kind: "expire" } };
  return { tag: newTag(), writes: [write], overridesFreeze: true };
}

/**
 * Unchecks those of the cells whose holds have ended, and returns them. Since they were read, some
 * may have been claimed by others, or released by another instance. Undefined if none is left.
 */
export async function releaseEnded(
  ended: readonly number[],
  commit: (batch: Batch) => Promise<Committed>,
): Promise<{ readonly offsets: readonly number[]; readonly committed: Committed } | undefined> {
  let offsets = ended;
  // Each refusal names at least one of them.
  while (offsets.length > 0) {
    const committed = await commit(expiry(offsets));
    const refused = new Set(committed.claimed?.flat());
    if (refused.size === 0) return { offsets, committed };
    offsets = offsets.filter((offset) => !refused.has(offset));
  }
  return undefined;
}
