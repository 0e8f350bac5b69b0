/* The batch that ends holds. */

import { packChanges } from "../board/delta.js";
import type { Batch, Write } from "./store.js";
import { newTag } from "./tag.js";

/** A batch that unchecks cells whose holds have ended, and leaves the others alone. */
export function expiry(offsets: readonly number[]): Batch {
  const changes = packChanges(offsets.map((offset) => [offset, 0] as const));
  const write: Write = { session: "", seq: 1, changes, act: { kind: "expire" } };
  return { tag: newTag(), writes: [write], overridesFreeze: true };
}
