/* The keys and channels of a deployment that has no prefix, in database 0. */

import type { PageRef } from "../../src/board/geometry.js";
import { Names } from "../../src/store/valkey/scripts/keys.js";

export const NAMES = new Names();

export function pageKeys(ref: PageRef) {
  return NAMES.page(ref);
}
