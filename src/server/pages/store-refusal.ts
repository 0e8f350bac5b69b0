/* What the peer of a request is told of a store that is away, or whose data of a page is not valid. */

import { Refusal } from "../../protocol/errors.js";
import { DamagedPage } from "../../store/damage.js";
import { StoreAway } from "../../store/store.js";

/** For `catch` of what only reads: throws the refusal of a fault of the store, and everything else as it came. */
export function refuseAway(error: unknown): never {
  if (error instanceof StoreAway) throw new Refusal("STORE_AWAY", { retryAfterMs: 1_000, cause: error });
  throw refuseDamaged(error);
}

/** The refusal of a damaged page, or the error as it came. */
export function refuseDamaged(error: unknown): unknown {
  return error instanceof DamagedPage
    ? new Refusal("PAGE_DAMAGED", { retryAfterMs: DAMAGED_RETRY_MS, cause: error })
    : error;
}

/** It takes a person to mend it. */
const DAMAGED_RETRY_MS = 10_000;
