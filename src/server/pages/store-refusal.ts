/* The refusals for requests while the store is unavailable, and for damaged pages. */

import { Refusal } from "../../protocol/errors.js";
import { DamagedPage } from "../../store/damage.js";
import { StoreAway } from "../../store/store.js";

/** Long, because a person must repair the page. */
const DAMAGED_RETRY_MS = 10_000;

/** For the `catch` of a read. Throws the refusal for a store fault, or the error itself. */
export function refuseAway(error: unknown): never {
  if (error instanceof StoreAway) throw new Refusal("STORE_AWAY", { retryAfterMs: 1_000, cause: error });
  throw refuseDamaged(error);
}

/** Returns the refusal for a damaged page, or the error itself. */
export function refuseDamaged(error: unknown): unknown {
  return error instanceof DamagedPage
    ? new Refusal("PAGE_DAMAGED", { retryAfterMs: DAMAGED_RETRY_MS, cause: error })
    : error;
}
